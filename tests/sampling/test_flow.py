"""Flow matching among the samplers: its levels and schedules beside diffusers' own, and every sampler that its families allow against the exact solution."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from modules.core.errors import InvalidRequest, Unsupported
from modules.core.groups.sampling import Spacing
from modules.core.records.families import FLOW_SAMPLERS, FLOW_SCHEDULES
from modules.core.records.schedules import SCHEDULES
from modules.sampling.flow import Flow, FlowTable, flow_sigmas, from_pure_noise, level_of, shifted, sigma_of
from modules.sampling.noise import PictureNoise
from modules.sampling.parameterization import x0_from
from modules.sampling.samplers import SAMPLERS
from modules.sampling.step import Denoised, SamplerOptions, Step, drive

SD3, SCHNELL, DEV = Flow(shift=3.0, usual="Normal"), Flow(shift=1.0), Flow()
SIZE = (64, 96)


def levels(schedule: str, steps: int, flow: Flow, **spacing: float) -> Tensor:
    return level_of(flow_sigmas("Euler", schedule, steps, flow, SIZE, Spacing(**spacing)))  # type: ignore[arg-type]


def test_levels_and_sigmas_are_each_others_inverse() -> None:
    s = torch.linspace(0, 1, 1001)
    assert torch.allclose(level_of(sigma_of(s)), s, atol=1e-6) and sigma_of(s)[-1].isinf() and sigma_of(s)[0] == 0
    table = FlowTable()
    assert table.to_t(sigma_of(torch.tensor(0.25))) == 250 and table.to_t(torch.tensor(math.inf)) == 1000
    assert torch.allclose(table.to_sigma(500.0), torch.tensor(1.0)) and len(table) == 1000


def test_the_network_sees_what_it_was_trained_on() -> None:
    x0, noise = torch.randn(2, 1, 4, 2, 2, generator=torch.Generator().manual_seed(0)).unbind()
    for s in (1.0, 0.9, 0.3):
        sigma = sigma_of(torch.tensor(s))
        x = noise if sigma.isinf() else x0 + sigma * noise
        time, scales = FlowTable().at(sigma)
        assert time == pytest.approx(1000 * s, abs=1e-3)
        seen = x * scales.c_in
        expected = noise if s == 1 else (1 - s) * x0 + s * noise
        assert torch.allclose(seen, expected, atol=1e-6)
        assert torch.allclose(x0_from("flow", noise - x0, x, scales), x0, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 4, 28])
def test_automatic_is_what_each_familys_pipeline_does(steps: int) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(shift=3.0)
    theirs.set_timesteps(steps)
    assert torch.allclose(levels("Automatic", steps, SD3), theirs.sigmas, atol=1e-5)
    dynamic = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    tokens = SIZE[0] * SIZE[1] // 4
    dynamic.set_timesteps(sigmas=torch.linspace(1, 1 / steps, steps).tolist(), mu=0.5 + (1.15 - 0.5) * (tokens - 256) / (4096 - 256))
    assert torch.allclose(levels("Automatic", steps, DEV), dynamic.sigmas, atol=1e-5)
    assert torch.allclose(levels("Automatic", steps, SCHNELL)[:-1], torch.linspace(1, 1 / steps, steps), atol=1e-6)


@pytest.mark.parametrize(("schedule", "flag"), [("Karras", "use_karras_sigmas"), ("Exponential", "use_exponential_sigmas")])
def test_two_schedule_types_are_those_of_diffusers(schedule: str, flag: str) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(shift=3.0, **{flag: True})
    theirs.set_timesteps(12)
    assert torch.allclose(levels(schedule, 12, SD3), theirs.sigmas, atol=1e-4)


@pytest.mark.parametrize("schedule", FLOW_SCHEDULES)
@pytest.mark.parametrize("flow", [SD3, SCHNELL, DEV], ids=["sd3", "schnell", "dev"])
def test_every_schedule_falls_from_noise_to_nothing(schedule: str, flow: Flow) -> None:
    for steps in (1, 2, 7, 200):
        found = levels(schedule, steps, flow)
        assert len(found) == steps + 1 and found[0] == pytest.approx(1, abs=1e-6) and found[-1] == 0
        assert bool((found[1:] <= found[:-1]).all())


def test_a_shift_and_levels_of_ones_own() -> None:
    assert torch.allclose(levels("Simple", 4, DEV, shift=2.0)[:-1], shifted(torch.tensor([1, 0.75, 0.5, 0.25]), 2.0), atol=1e-6)
    own = flow_sigmas("Euler", "Automatic", 20, DEV, SIZE, Spacing(sigmas=(1.0, 0.6, 0.2)))
    assert torch.allclose(level_of(own), torch.tensor([1.0, 0.6, 0.2, 0.0]))
    with pytest.raises(InvalidRequest, match="from 1"):
        flow_sigmas("Euler", "Automatic", 20, DEV, SIZE, Spacing(sigmas=(14.6, 0.5)))
    with pytest.raises(InvalidRequest, match="climb"):
        levels("Normal", 20, DEV, sigma_min=0.9, sigma_max=0.5)
    for schedule in set(SCHEDULES.names()) - set(FLOW_SCHEDULES):
        with pytest.raises(Unsupported, match=schedule):
            levels(schedule, 20, DEV)


class Draws:
    """No noise at all, so that samplers with noise walk the ODE."""

    def __call__(self) -> Tensor:
        return torch.zeros(1, 1, 1, 1)

    def brownian(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        return torch.zeros(1, 1, 1, 1)


SPREAD, CENTRE = 0.5, 0.8


def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
    """Of pictures that are one number, normal with CENTRE and SPREAD."""
    if sigma.isinf():
        return Denoised(torch.full_like(x, CENTRE), x, x)
    x0 = (SPREAD**2 * x + sigma**2 * CENTRE) / (SPREAD**2 + sigma**2)
    return Denoised(x0, x0, x)


@pytest.mark.parametrize("sampler", FLOW_SAMPLERS)
def test_samplers_reach_the_exact_end(sampler: str) -> None:
    """From pure noise e the ODE ends at CENTRE + SPREAD e."""
    noise = torch.tensor(1.3).reshape(1, 1, 1, 1)
    sigmas = flow_sigmas(sampler, "Simple", 200, SD3, SIZE, Spacing())
    options = SamplerOptions(eta=0.0, steps=200, sigma_range=(float(sigmas[-2]), float(sigmas[1])))
    end = drive(from_pure_noise(SAMPLERS[sampler], noise, sigmas, Draws(), options), denoise, Step())
    assert float(end) == pytest.approx(CENTRE + SPREAD * 1.3, abs=0.02)


def test_fresh_noise_ends_in_the_right_distribution() -> None:
    sigmas = flow_sigmas("Euler a", "Simple", 60, SD3, SIZE, Spacing())
    noise = PictureNoise(list(range(300)), (1, 1, 1))
    end = drive(from_pure_noise(SAMPLERS["Euler a"], noise.first(), sigmas, noise, SamplerOptions(eta=1.0, steps=60)), denoise, Step())
    assert float(end.mean()) == pytest.approx(CENTRE, abs=0.1) and float(end.std()) == pytest.approx(SPREAD, rel=0.15)


def test_euler_is_eulers_rule_in_the_models_own_levels() -> None:
    own = torch.tensor([1.0, 0.8, 0.5, 0.2, 0.0])
    z = torch.tensor(1.3)
    for s, following in zip(own, own[1:], strict=False):
        sigma = sigma_of(s)
        x = z if s == 1 else z / (1 - s)
        x0 = denoise(x, sigma, Step()).x0
        z = z + (z - x0) / s * (following - s)
    made = from_pure_noise(SAMPLERS["Euler"], torch.tensor(1.3).reshape(1, 1, 1, 1), sigma_of(own), Draws(), SamplerOptions())
    assert float(drive(made, denoise, Step())) == pytest.approx(float(z), abs=1e-6)
