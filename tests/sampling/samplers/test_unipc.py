from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scipy import integrate

from modules.sampling.parameterization import scaled_linear
from modules.sampling.samplers.unipc import grid, weights
from modules.sampling.schedules import ddim_timesteps
from modules.sampling.step import SamplerOptions
from tests.sampling.gaussian import Gaussian, Quiet, run

ALPHAS = scaled_linear()
NONE = torch.zeros(0)
Z = torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(0))


def options(steps: int) -> SamplerOptions:
    return SamplerOptions(eta=0.0, steps=steps, timesteps=ddim_timesteps(steps), alphas_cumprod=ALPHAS)


@pytest.mark.parametrize(("steps", "calls"), [(1, 1), (2, 2), (3, 4), (12, 13), (20, 20)])
def test_as_many_calls_as_timesteps(steps: int, calls: int) -> None:
    model, noise = Gaussian(), Quiet(Z)
    assert run("UniPC", Z, NONE, model, options(steps), noise).isfinite().all()
    assert len(model.calls) == calls and noise.drawn == 0


def test_the_grid_is_even_in_time_and_ends_at_the_smallest_level() -> None:
    points = grid(options(20))
    assert len(points) == 21
    for point, t in ((points[0], 999), (points[-1], 0)):
        assert float(point.alpha**2) == pytest.approx(float(ALPHAS[t]), rel=1e-6)
        assert float(point.lam) == pytest.approx(math.log(float(point.alpha / point.sigma)))
    middle = 999 * 0.5
    logs = ALPHAS.double().log()
    assert float(2 * points[10].alpha.log()) == pytest.approx(float((logs[math.floor(middle)] + logs[math.ceil(middle)]) / 2))


def test_a_cut_starts_at_its_last_timestep() -> None:
    own = options(20)
    assert own.timesteps is not None
    points = grid(replace(own, timesteps=own.timesteps[:12]))
    assert len(points) == 13 and float(points[0].alpha ** 2) == pytest.approx(float(ALPHAS[551]), rel=1e-6)


@pytest.mark.parametrize("h", [-0.05, -0.4, -1.5])
@pytest.mark.parametrize("ratios", [[-1.0, -2.0], [-0.7, 1.0], [-0.6, -1.9, 1.0]])
def test_weights_make_polynomials_exact(ratios: list[float], h: float) -> None:
    """x0(s) = s^k, with s from 0 to 1 over the step, under the integral of the exponential integrator."""
    found = weights(ratios, h)
    for power in range(1, len(ratios) + 1):
        exact = integrate.quad(lambda s, k=power: math.exp((1 - s) * h) * s**k, 0, 1)[0]
        assert sum(w * ratio ** (power - 1) for w, ratio in zip(found, ratios, strict=True)) == pytest.approx(exact, rel=1e-6)


def test_a_single_weight_is_one_half() -> None:
    assert weights([-1.3], -0.2) == [0.5] and weights([], -0.2) == []


def test_constant_predictions_are_followed_exactly() -> None:
    points = grid(options(12))
    start, end = points[0], points[-1]
    found = run("UniPC", Z, NONE, Gaussian(mean=1.5, std=0.0), options(12))
    eps = (Z - start.alpha * 1.5) / start.sigma
    assert torch.allclose(found, end.alpha * 1.5 + end.sigma * eps, atol=1e-5)


def test_points_that_fall_together_do_no_harm() -> None:
    plateau = ALPHAS.clone()
    plateau[300:500] = plateau[300]
    own = replace(options(20), alphas_cumprod=plateau)
    assert run("UniPC", Z, NONE, Gaussian(), own).isfinite().all()
