from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.sampling.samplers.levels import MOST_CHURN, ancestral, churned, slope, steps_of, table_of
from modules.sampling.step import Denoised, SamplerOptions
from tests.sampling.gaussian import Quiet

X = torch.ones(1, 1, 2, 2)


def test_steps_are_pairs_of_neighbours() -> None:
    assert [(index, float(a), float(b)) for index, a, b in steps_of(torch.tensor([3.0, 2.0, 0.0]))] == [(0, 3, 2), (1, 2, 0)]
    assert list(steps_of(torch.tensor([3.0]))) == []


def test_slope_is_the_noise_in_x() -> None:
    x0, noise = torch.full_like(X, 0.5), torch.full_like(X, -1.5)
    assert torch.allclose(slope(Denoised(x0, x0, x0 + 4 * noise), torch.tensor(4.0)), noise)


@given(st.floats(0.01, 100), st.floats(0.001, 1), st.floats(0, 10))
def test_down_and_up_again_is_the_next_level(sigma: float, share: float, eta: float) -> None:
    here, there = torch.tensor(sigma, dtype=torch.float64), torch.tensor(sigma * share, dtype=torch.float64)
    down, up = ancestral(here, there, eta)
    assert float(down**2 + up**2) == pytest.approx(float(there**2), rel=1e-9)
    assert 0 <= down <= there and 0 <= up <= there


def test_eta_decides_how_much_is_new() -> None:
    here, there = torch.tensor(2.0), torch.tensor(1.0)
    assert [float(part) for part in ancestral(here, there, 0.0)] == [1.0, 0.0]
    assert float(ancestral(here, there, 1.0)[1]) == pytest.approx((1 * (4 - 1) / 4) ** 0.5)
    assert float(ancestral(here, there, 0.5)[1]) == pytest.approx((1 * (4 - 1) / 4) ** 0.5 / 2)
    assert [float(part) for part in ancestral(here, there, 10.0)] == [0.0, 1.0]
    assert all(part.isfinite() for part in ancestral(there, here, 1.0))


def test_churn_adds_noise_within_its_bounds_and_draws_outside_of_them_too() -> None:
    noise, sigma = Quiet(X, 1.0), torch.tensor(2.0)
    assert churned(X, sigma, torch.ones(11), noise, SamplerOptions())[0] is X and noise.drawn == 0
    for options in (SamplerOptions(churn=5, tmin=3), SamplerOptions(churn=5, tmax=1)):
        x, same = churned(X, sigma, torch.ones(11), noise, options)
        assert x is X and float(same) == 2.0
    x, higher = churned(X, sigma, torch.ones(11), noise, SamplerOptions(churn=2, noise=1.5))
    assert float(higher) == pytest.approx(2.4)
    assert float(x[0, 0, 0, 0]) == pytest.approx(1 + 1.5 * (2.4**2 - 4) ** 0.5)
    assert float(churned(X, sigma, torch.ones(11), noise, SamplerOptions(churn=99))[1]) == pytest.approx(2 * (1 + MOST_CHURN))
    assert noise.drawn == 4


def test_the_models_table_or_stable_diffusions() -> None:
    assert table_of(SamplerOptions()).sigma_max == pytest.approx(14.6146, abs=1e-4)
    assert len(table_of(SamplerOptions(alphas_cumprod=torch.tensor([0.9, 0.5, 0.1])))) == 3
