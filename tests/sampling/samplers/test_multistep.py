from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from modules.sampling.samplers.multistep import lms_weights
from modules.sampling.step import SamplerOptions
from tests.sampling.gaussian import Gaussian, Quiet, convergence, run

X = torch.full((1, 1, 2, 2), 5.0)
SIGMAS = torch.tensor([8.0, 4.0, 2.0, 0.0])


@pytest.mark.parametrize(("name", "order"), [("LMS", 2.8), ("DPM++ 2M", 1.9), ("DPM++ 2M SDE", 1.9), ("DPM++ 2M SDE Heun", 1.9), ("DPM++ 3M SDE", 2.0)])
def test_order_without_fresh_noise(name: str, order: float) -> None:
    """At least; the first steps, of low order, keep the higher ones from their full order."""
    assert order <= convergence(name) < order + 1


def test_lms_on_equal_steps_is_adams_bashforth() -> None:
    assert lms_weights([4, 5, 6, 7], 3) == pytest.approx([-55 / 24, 59 / 24, -37 / 24, 9 / 24])
    assert lms_weights([4, 5], 3) == pytest.approx([-3 / 2, 1 / 2])
    assert lms_weights([4], 3) == [-1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.02, 0.9), min_size=2, max_size=5))
def test_lms_weights_integrate_the_polynomials(shares: list[float]) -> None:
    levels = (14.6 * np.cumprod(shares)).tolist()
    *known, end = levels
    newest_first = known[::-1]

    def basis(tau: float, own: float) -> float:
        return float(np.prod([(tau - other) / (own - other) for other in known if other != own]))

    expected = [integrate.quad(basis, newest_first[0], end, args=(own,))[0] for own in newest_first]
    assert lms_weights(newest_first, end) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_lms_follows_a_cubic_slope_exactly() -> None:
    weights = lms_weights([4.0, 5.0, 7.0, 8.0], 2.5)
    assert sum(w * level**3 for w, level in zip(weights, [4, 5, 7, 8], strict=True)) == pytest.approx((2.5**4 - 4**4) / 4)


@pytest.mark.parametrize("name", ["DPM++ 2M", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"])
def test_constant_predictions_are_followed_exactly(name: str) -> None:
    model = Gaussian(mean=1.5, std=0.0)
    assert torch.allclose(run(name, X, SIGMAS[:-1], model), 1.5 + (X - 1.5) * 2 / 8, rtol=1e-5)
    assert torch.allclose(run(name, X, SIGMAS, model), torch.full_like(X, 1.5))


def test_second_step_of_2m() -> None:
    """By hand: equal steps in log sigma, so r is 1, and the step aims at 3/2 of the new prediction less 1/2 of the old one."""
    model = Gaussian(mean=0, std=1)
    first = 5 / 65
    x1 = 5 / 2 + (1 - 1 / 2) * first
    second = x1 / 17
    expected = x1 / 2 + (1 - 1 / 2) * (1.5 * second - 0.5 * first)
    assert float(run("DPM++ 2M", X, SIGMAS[:-1], model)[0, 0, 0, 0]) == pytest.approx(expected, rel=1e-5)


def test_draws_are_taken_from_the_brownian_path_alone() -> None:
    for name in ("DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"):
        noise = Quiet(X)
        run(name, X, SIGMAS, Gaussian(), SamplerOptions(), noise)
        assert noise.drawn == 0 and noise.asked == [(8, 4), (4, 2)]
        run(name, X, SIGMAS, Gaussian(), SamplerOptions(eta=0.0), noise)
        assert len(noise.asked) == 2
    for name in ("LMS", "DPM++ 2M"):
        noise = Quiet(X)
        run(name, X, SIGMAS, Gaussian(), SamplerOptions(), noise)
        assert noise.drawn == 0 and not noise.asked


@pytest.mark.parametrize("name", ["DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"])
def test_fresh_noise_brings_the_variance_to_the_next_level(name: str) -> None:
    """With a model that answers nought, what is left of x and what is added are together as strong as the level."""
    model, sigmas = Gaussian(mean=0.0, std=0.0), torch.tensor([2.0, 1.0])
    for eta in (0.5, 1.0, 3.0):
        left = run(name, torch.full_like(X, 2.0), sigmas, model, SamplerOptions(eta=eta), Quiet(X))
        added = run(name, torch.zeros_like(X), sigmas, model, SamplerOptions(eta=eta), Quiet(X, 1.0))
        assert torch.allclose(left**2 + added**2, torch.ones_like(X), rtol=1e-5)


@pytest.mark.parametrize("name", ["LMS", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"])
def test_repeated_levels_change_nothing(name: str) -> None:
    plain = run(name, X, torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0]), Gaussian())
    repeated = run(name, X, torch.tensor([8.0, 8.0, 4.0, 4.0, 4.0, 2.0, 1.0, 1.0, 0.0]), Gaussian())
    assert torch.allclose(plain, repeated, rtol=1e-6)
