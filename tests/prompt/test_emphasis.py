from __future__ import annotations

import pytest
import torch

from modules.core.groups.sampling import Emphasis
from modules.prompt.emphasis import weigh


@pytest.fixture
def z() -> torch.Tensor:
    return torch.randn(2, 77, 8, generator=torch.Generator().manual_seed(1)) - 0.1


@pytest.fixture
def weights() -> torch.Tensor:
    weights = torch.ones(2, 77)
    weights[0, 3:6] = 1.5
    weights[1, 2] = -0.5
    return weights


def test_original_keeps_the_mean_of_the_whole(z: torch.Tensor, weights: torch.Tensor) -> None:
    weighed = weigh(z, weights)
    assert float(weighed.double().mean()) == pytest.approx(float(z.double().mean()), rel=1e-4)
    ratio = weighed[0, 0] / z[0, 0]
    torch.testing.assert_close(weighed, z * weights[..., None] * ratio[0], rtol=1e-5, atol=1e-6)


def test_without_norm_only_the_weighted_change(z: torch.Tensor, weights: torch.Tensor) -> None:
    weighed = weigh(z, weights, "No norm")
    assert torch.equal(weighed, z * weights[..., None])


@pytest.mark.parametrize("emphasis", ["Ignore", "None"])
def test_ignored_weights(z: torch.Tensor, weights: torch.Tensor, emphasis: Emphasis) -> None:
    assert torch.equal(weigh(z, weights, emphasis), z)


def test_weights_of_one_change_no_bit(z: torch.Tensor) -> None:
    assert torch.equal(weigh(z, torch.ones(2, 77)), z)


def test_copies_count_in_the_mean(z: torch.Tensor, weights: torch.Tensor) -> None:
    whole = weigh(torch.stack([z[0], z[1], z[1]]), torch.stack([weights[0], weights[1], weights[1]]))
    short = weigh(z, weights, copies=[1, 2])
    assert torch.equal(whole[:2], short)
    assert not torch.equal(weigh(z, weights), short)


def test_a_mean_of_zero_is_left_alone() -> None:
    z = torch.zeros(1, 77, 2)
    z[0, 3] = torch.tensor([1.0, -1.0])
    weights = torch.ones(1, 77)
    weights[0, 3] = 2.0
    assert torch.equal(weigh(z, weights), z * 2)


def test_type_is_kept(z: torch.Tensor, weights: torch.Tensor) -> None:
    assert weigh(z.half(), weights).dtype == torch.float16
