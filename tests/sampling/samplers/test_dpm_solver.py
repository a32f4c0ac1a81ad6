from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from modules.sampling.samplers import SAMPLERS
from modules.sampling.samplers.dpm_solver import MOST_TRIES
from modules.sampling.step import Denoised, SamplerOptions, Step, drive
from tests.sampling.gaussian import MODEL_RANGE, Gaussian, Quiet, exponential, run

X = torch.linspace(-12, 12, 9, dtype=torch.float64).reshape(1, 1, 3, 3)
SIGMAS = torch.tensor([10.0, 3.0, 1.0, 0.2, 0.0])
WHOLE = SamplerOptions(eta=0.0, steps=4, sigma_range=(0.2, 10.0))
CUT = SamplerOptions(eta=0.0, steps=30, sigma_range=(0.2, 14.0))


def error(calls: int) -> float:
    model, sigmas = Gaussian(), exponential(calls)
    found = run("DPM fast", X, sigmas, model)
    assert len(model.calls) == calls
    return float((found - model.flow(X, float(sigmas[0]), float(sigmas[-2]))).abs().max())


@pytest.mark.parametrize("start", [9, 10, 11])
def test_fast_converges_whatever_remains_at_the_end(start: int) -> None:
    """Third-order steps; the last ones, of lower order, leave it between 2 and 3."""
    assert 1.9 < math.log2(error(start) / error(start * 4 - (start % 3) * 3)) / 2 < 3.6


@pytest.mark.parametrize("steps", range(1, 14))
def test_fast_makes_as_many_calls_as_steps(steps: int) -> None:
    model = Gaussian()
    run("DPM fast", X, torch.tensor([10.0, 0.0]), model, SamplerOptions(eta=0.0, steps=steps, sigma_range=(0.2, 10.0)))
    assert len(model.calls) == steps


@pytest.mark.parametrize("name", ["DPM fast", "DPM adaptive"])
def test_a_whole_schedule_runs_to_the_models_smallest_level(name: str) -> None:
    model = Gaussian()
    found = run(name, X, SIGMAS, model, SamplerOptions(eta=0.0, steps=40, sigma_range=(0.2, 10.0)))
    assert model.sigmas[0] == pytest.approx(10.0)
    assert torch.allclose(found, model.flow(X, 10.0, MODEL_RANGE[0]), atol=0.1)
    assert min(model.sigmas) < 0.2


@pytest.mark.parametrize("name", ["DPM fast", "DPM adaptive"])
def test_a_cut_schedule_runs_to_its_next_to_last_level(name: str) -> None:
    model = Gaussian()
    found = run(name, X, torch.cat([exponential(40, 10.0, 0.2), torch.zeros(1)]), model, CUT)
    assert torch.allclose(found, model.flow(X, 10.0, 0.2), atol=0.1)
    assert min(model.sigmas) >= 0.2 - 1e-6
    if name == "DPM fast":
        assert len(model.calls) == 41


def test_adaptive_keeps_its_tolerance_and_takes_longer_steps_where_it_can() -> None:
    model, sigmas = Gaussian(), exponential(4)
    found = run("DPM adaptive", X, sigmas, model)
    end = model.flow(X, float(sigmas[0]), float(sigmas[-2]))
    assert float((found - end).abs().max()) < 0.05 * float(end.abs().max())
    tried = torch.tensor(model.sigmas[::3])
    lengths = tried.log().diff().neg()
    assert lengths[0] == pytest.approx(0.05, abs=1e-3) and lengths.max() > 0.2
    assert 9 < len(model.calls) < 200


def test_adaptive_draws_when_a_step_counts() -> None:
    noise, model = Quiet(X), Gaussian()
    run("DPM adaptive", X, exponential(4), model, SamplerOptions(sigma_range=(0.0, 1e9)), noise)
    assert 2 < noise.drawn <= len(model.calls) // 3


@pytest.mark.parametrize("answer", [float("nan"), float("inf")])
def test_adaptive_gives_up_on_a_model_without_numbers(answer: float) -> None:
    calls = []

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        calls.append(step)
        x0 = torch.full_like(x, answer)
        return Denoised(x0, x0, x)

    drive(SAMPLERS["DPM adaptive"](X, SIGMAS, Quiet(X), WHOLE), denoise, Step())
    assert len(calls) == 3


def test_adaptive_gives_up_on_a_model_that_answers_at_random() -> None:
    calls = []
    generator = torch.Generator().manual_seed(0)

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        calls.append(step)
        x0 = torch.randn(x.shape, generator=generator, dtype=x.dtype) * 1e4
        return Denoised(x0, x0, x)

    found = drive(SAMPLERS["DPM adaptive"](X, SIGMAS, Quiet(X), WHOLE), denoise, Step())
    assert found.isfinite().all() and len(calls) <= 3 * (MOST_TRIES + 1)


def test_fresh_noise_brings_the_variance_to_the_next_level() -> None:
    """With a model that answers nought: one interval of DPM fast, whose noise is drawn once."""
    model, options = Gaussian(mean=0.0, std=0.0), SamplerOptions(eta=0.5, steps=3, sigma_range=(0.0, 1e9))
    sigmas = torch.tensor([8.0, 4.0, 2.0, 0.0])
    left = run("DPM fast", torch.full_like(X, 8.0), sigmas, model, options, Quiet(X))
    noise = Quiet(X, 1.0)
    run("DPM fast", torch.zeros_like(X), sigmas, model, options, noise)
    assert noise.drawn == 2
    assert float(left.max()) == pytest.approx(4 * (1 - 0.25 * 0.75) ** 0.5 * 0.5, rel=1e-4)
