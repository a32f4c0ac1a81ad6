from __future__ import annotations

import pytest
import torch

from modules.core.groups.sampling import Guidance
from modules.sampling.guidance import combine, guide, skips_uncond, unguided
from modules.sampling.step import Step

A, B, U = torch.tensor([1.0, 2.0]), torch.tensor([-3.0, 5.0]), torch.tensor([0.5, 1.0])


def test_guidance_goes_beyond_the_prediction() -> None:
    assert torch.equal(combine([A, U], guide([1.0], 1.0)), A)
    assert torch.equal(combine([A, U], guide([1.0], 0.0)), U)
    assert combine([A, U], guide([1.0], 7.0)).tolist() == [4.0, 8.0]


def test_parts_add_up_by_their_weights() -> None:
    assert torch.allclose(combine([A, B, U], guide([1.0, 0.5], 4.0)), U + 4 * (A - U) + 2 * (B - U))
    assert torch.allclose(combine([A, B, U], guide([1.0, -1.0], 2.0)), U + 2 * (A - U) - 2 * (B - U))


def test_without_the_negative_prompt_one_part_stands_unchanged() -> None:
    assert torch.equal(combine([A], unguided([1.0])), A)
    assert torch.allclose(combine([A, B], unguided([1.0, 0.5])), A + 0.5 * (B - A))


def test_a_picture_that_is_edited_pulls_by_itself() -> None:
    """Equation 3 of Brooks et al. 2022, with its terms turned around: from nothing to the picture, and from there to the instruction."""
    blind, picture, both = A, B, U
    found = combine([both, picture, blind], guide([1.0], 7.5, picture=1.5))
    assert torch.allclose(found, blind + 1.5 * (picture - blind) + 7.5 * (both - picture))
    assert guide([1.0], 7.5, picture=1.0).against == 1, "an answer that would go unused is not asked for"


def test_an_answer_that_is_missing_is_an_error() -> None:
    with pytest.raises(IndexError):
        combine([A], guide([1.0], 7.0))


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
