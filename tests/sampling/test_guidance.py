from __future__ import annotations

import pytest
import torch

from modules.core.groups.sampling import Guidance
from modules.sampling.guidance import combine, pulls, skips_uncond
from modules.sampling.step import Step

A, B, U = torch.tensor([1.0, 2.0]), torch.tensor([-3.0, 5.0]), torch.tensor([0.5, 1.0])


def test_guidance_goes_beyond_the_prediction() -> None:
    assert torch.equal(combine([A], pulls([1.0], 1.0), U), A)
    assert torch.equal(combine([A], pulls([1.0], 0.0), U), U)
    assert combine([A], pulls([1.0], 7.0), U).tolist() == [4.0, 8.0]


def test_parts_add_up_by_their_weights() -> None:
    assert torch.allclose(combine([A, B], pulls([1.0, 0.5], 4.0), U), U + 4 * (A - U) + 2 * (B - U))
    assert torch.allclose(combine([A, B], pulls([1.0, -1.0], 2.0), U), U + 2 * (A - U) - 2 * (B - U))


def test_without_the_negative_prompt_one_part_stands_unchanged() -> None:
    assert torch.equal(combine([A], pulls([1.0], 1.0), A), A)
    assert torch.allclose(combine([A, B], pulls([1.0, 0.5], 1.0), A), A + 0.5 * (B - A))


def test_a_weight_without_its_part_is_refused() -> None:
    with pytest.raises(ValueError):
        combine([A, B], pulls([1.0], 7.0), U)


def skipped(guidance: Guidance, sigma: float = 0.5, calls: int = 8) -> list[int]:
    return [call for call in range(calls) if skips_uncond(guidance, Step(call=call, calls=calls), torch.tensor(sigma))]


@pytest.mark.parametrize(
    ("guidance", "sigma", "expected"),
    [
        (Guidance(), 0.5, []),
        (Guidance(min_sigma=1.0), 0.5, [1, 3, 5, 7]),
        (Guidance(min_sigma=1.0), 1.0, []),
        (Guidance(min_sigma=1.0, min_sigma_all=True), 0.5, [0, 1, 2, 3, 4, 5, 6, 7]),
        (Guidance(min_sigma_all=True), 0.5, []),
        (Guidance(skip_early=0.25), 9.0, [0, 1, 2]),
        (Guidance(skip_early=1.0), 9.0, [0, 1, 2, 3, 4, 5, 6, 7]),
        (Guidance(skip_early=0.25, min_sigma=1.0), 0.5, [0, 1, 2, 3, 5, 7]),
    ],
)
def test_when_the_negative_prompt_is_left_out(guidance: Guidance, sigma: float, expected: list[int]) -> None:
    assert skipped(guidance, sigma) == expected
