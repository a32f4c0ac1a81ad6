"""The samplers that are diffusers' classes, against plain loops over those classes with the same noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, DEISMultistepScheduler, IPNDMScheduler, SASolverScheduler, TCDScheduler
from torch import Tensor

from modules.core.groups.sampling import Spacing
from modules.core.records.samplers import SAMPLERS as RECORDS
from modules.core.records.schedules import SCHEDULES
from modules.sampling.noise import PictureNoise
from modules.sampling.parameterization import Table, c_in, scaled_linear, zero_terminal_snr
from modules.sampling.samplers import SAMPLERS
from modules.sampling.samplers.schedulers import DrawnFrom
from modules.sampling.schedules import schedule_for
from modules.sampling.step import Denoised, SamplerOptions, Step, drive
from tests.sampling.gaussian import Gaussian, Quiet

TABLE = Table(scaled_linear())
TERMINAL = Table(zero_terminal_snr(scaled_linear()))
SHAPE = (4, 6, 5)
SEEDS = [3, 2**33 + 1]
NAMES = [record.name for record in RECORDS if record.diffusers]
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
COUNTS = (1, 2, 3, 4, 5, 10, 14, 15, 20, 30, 50, 75, 100, 150)
TOLERANCE = 3e-6
"""Of the largest value. Measured: 2e-6 at most; but see ROUGH."""
ROUGH = 2e-5
"""For what is a difference of large numbers in float32: eps at the highest level, when a single step goes all the way."""

THEIRS: dict[str, Callable[..., Any]] = {
    "DDPM (diffusers)": lambda **more: DDPMScheduler(**BETAS, **more, clip_sample=False, timestep_spacing="trailing"),
    "DEIS (diffusers)": lambda **more: DEISMultistepScheduler(**BETAS, **more),
    "TCD (diffusers)": lambda **more: TCDScheduler(**BETAS, **more),
    "SA-Solver (diffusers)": lambda **more: SASolverScheduler(**BETAS, **more),
}


def ours(name: str, steps: int, table: Table = TABLE, schedule: str = "Automatic", seeds: list[int] | None = None, model: Gaussian | None = None) -> Tensor:
    """As the engine does it."""
    record = RECORDS.get(name)
    sigmas = schedule_for(name, schedule, steps, table, Spacing())
    noise = PictureNoise(seeds or SEEDS, SHAPE)
    x = noise.first() * torch.sqrt(1 + sigmas[0] ** 2)
    options = SamplerOptions(eta=record.default_eta, steps=steps, alphas_cumprod=table.alphas_cumprod)
    return drive(SAMPLERS[name](x, sigmas, noise, options), (model or Gaussian()).denoise, Step())


def loop(scheduler: Any, alphas: Tensor, prediction: str, asked: list[Tensor] | None = None) -> Tensor:
    """What a pipeline does with a scheduler: unit noise, the network at each timestep, `step`. Generators for those that take them. asked: gets what the
    network was given."""
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    z = torch.cat([torch.randn((1, *SHAPE), generator=own) for own in generators])
    draws = {} if isinstance(scheduler, DEISMultistepScheduler | IPNDMScheduler) else {"generator": generators}
    for timestep, alpha in zip(scheduler.timesteps, alphas, strict=True):
        if asked is not None:
            asked.append(z)
        sigma = ((1 - alpha) / alpha) ** 0.5
        x = z / alpha**0.5
        x0 = Gaussian().denoise(x, sigma, Step()).x0
        eps = (x - x0) / sigma
        v = alpha**0.5 * eps - (1 - alpha) ** 0.5 * x0
        z = scheduler.step({"epsilon": eps, "v_prediction": v, "sample": x0}[prediction], timestep, z, **draws).prev_sample
    return z


def theirs(name: str, steps: int, table: Table, prediction: str) -> Tensor:
    scheduler = THEIRS[name](prediction_type=prediction)
    scheduler.alphas_cumprod = table.alphas_cumprod  # the class cumulates in float32, which is off by 1e-5
    if name.startswith("TCD") and steps > 50:
        scheduler.set_timesteps(steps, original_inference_steps=1000)
    else:
        scheduler.set_timesteps(steps)
    return loop(scheduler, table.alphas_cumprod[scheduler.timesteps], prediction)


def distance(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_left_to_itself_a_class_makes_the_same_latents(name: str, prediction: str) -> None:
    for steps in COUNTS if prediction == "epsilon" else (1, 4, 20, 150):
        assert distance(ours(name, steps), theirs(name, steps, TABLE, prediction)) < (ROUGH if steps == 1 else TOLERANCE), steps


@pytest.mark.parametrize("name", ["DDPM (diffusers)", "TCD (diffusers)"])
def test_with_zero_terminal_snr_too(name: str) -> None:
    """Given what predicts v or x0; at that level eps says nothing of x0. DEIS and SA-Solver have no such table of their own."""
    for prediction in ("v_prediction", "sample"):
        for steps in (1, 4, 20, 150):
            assert distance(ours(name, steps, TERMINAL), theirs(name, steps, TERMINAL, prediction)) < TOLERANCE, steps


@pytest.mark.parametrize("steps", COUNTS)
def test_ipndm_with_a_models_levels(steps: int) -> None:
    """The class takes levels as `trained_betas`: what its own schedule lays out is for models of another kind."""
    sigmas = schedule_for("IPNDM (diffusers)", "Karras", steps, TABLE, Spacing())
    scheduler = IPNDMScheduler(steps, trained_betas=(sigmas * c_in(sigmas)).tolist())
    scheduler.set_timesteps(steps)
    expected = loop(scheduler, 1 / (1 + sigmas[:-1].double() ** 2), "v_prediction")
    assert distance(ours("IPNDM (diffusers)", steps, schedule="Karras"), expected) < ROUGH  # its alphas are float32 roots of 1 - beta^2


@pytest.mark.parametrize("name", ["DEIS (diffusers)", "SA-Solver (diffusers)"])
@pytest.mark.parametrize(("schedule", "theirs"), [("Karras", "use_karras_sigmas"), ("Exponential", "use_exponential_sigmas")])
def test_schedule_types_that_the_classes_have_too(name: str, schedule: str, theirs: str) -> None:
    """Their levels are the same, apart from the end: theirs is the lowest level again, where ours is 0. So what is asked at each is compared."""
    scheduler = THEIRS[name](**{theirs: True}, prediction_type="sample")
    scheduler.alphas_cumprod = TABLE.alphas_cumprod
    scheduler.set_timesteps(12)
    levels = schedule_for(name, schedule, 12, TABLE, Spacing())
    assert torch.allclose(scheduler.sigmas[:-1], levels[:-1], rtol=1e-5)
    asked: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        asked.append(x * c_in(sigma))
        return Gaussian().denoise(x, sigma, step)

    noise = PictureNoise(SEEDS, SHAPE)
    drive(SAMPLERS[name](noise.first() * (1 + levels[0] ** 2) ** 0.5, levels, noise, SamplerOptions()), denoise, Step())
    expected: list[Tensor] = []
    loop(scheduler, 1 / (1 + scheduler.sigmas[:-1] ** 2), "sample", expected)
    assert len(asked) == len(expected) == 12
    for found, wanted in zip(asked, expected, strict=True):
        assert distance(found, wanted) < TOLERANCE * 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("schedule", SCHEDULES.names())
def test_schedule_types_act(name: str, schedule: str) -> None:
    model = Gaussian()
    ours(name, 9, schedule=schedule, model=model)
    levels = schedule_for(name, schedule, 9, TABLE, Spacing())[:-1]
    exact = 0.04 if name.startswith("TCD") else 1e-6  # TCD asks at whole timesteps
    assert model.sigmas == pytest.approx(levels.tolist(), rel=exact)


@pytest.mark.parametrize("name", NAMES)
def test_the_last_part_of_a_schedule_starts_from_noised_latents(name: str) -> None:
    """img2img: the walk begins at the cut, where x0 + sigma noise is the class's own sqrt(a) x0 + sqrt(1 - a) noise."""
    sigmas = schedule_for(name, "Automatic", 10, TABLE, Spacing())[6:]
    model, noise = Gaussian(mean=0.3, std=0.05), PictureNoise(SEEDS, SHAPE)
    clean = torch.full((2, *SHAPE), 0.3)
    found = drive(
        SAMPLERS[name](clean + noise.first() * sigmas[0], sigmas, noise, SamplerOptions(eta=0.5, alphas_cumprod=TABLE.alphas_cumprod)), model.denoise, Step()
    )
    assert model.sigmas == pytest.approx(sigmas[:-1].tolist(), rel=1e-6)
    assert float((found - clean).abs().max()) < 0.3 and float(found.std()) < 0.1


def test_eta_of_tcd_and_sa_solver() -> None:
    sigmas = schedule_for("TCD (diffusers)", "Automatic", 4, TABLE, Spacing())
    for name, noisy in (("TCD (diffusers)", 3), ("SA-Solver (diffusers)", 4)):
        drawn = {}
        for eta in (0.0, 0.3, 1.0, 5.0):
            noise = Quiet(torch.ones(1, *SHAPE), 1.0)
            x = drive(SAMPLERS[name](torch.ones(1, *SHAPE) * 14, sigmas, noise, SamplerOptions(eta=eta)), Gaussian().denoise, Step())
            drawn[eta] = (noise.drawn, x)
        assert drawn[0.3][0] == drawn[1.0][0] == noisy
        assert not torch.allclose(drawn[0.0][1], drawn[0.3][1]) and not torch.allclose(drawn[0.3][1], drawn[1.0][1])
        assert torch.equal(drawn[1.0][1], drawn[5.0][1])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_drawn_but_from_the_pictures_own_noise(name: str) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = ours(name, 6)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    assert torch.equal(ours(name, 6), first)
    assert torch.equal(ours(name, 6, seeds=SEEDS[1:]), first[1:])


def test_the_replacement_ends_with_the_step() -> None:
    with DrawnFrom(Quiet(torch.ones(2), 4.0)):
        assert torch.randn(2, dtype=torch.float64).tolist() == [4.0, 4.0]
        assert torch.ones(2).tolist() == [1.0, 1.0]
    assert torch.randn(2).tolist() != [4.0, 4.0]


def test_a_level_that_repeats_is_walked_once() -> None:
    for name in NAMES:
        model = Gaussian()
        sigmas = torch.tensor([9.0, 9.0, 4.0, 4.0, 4.0, 1.0, 0.0])
        found = drive(SAMPLERS[name](torch.ones(1, *SHAPE) * 9, sigmas, Quiet(torch.ones(1, *SHAPE)), SamplerOptions()), model.denoise, Step())
        assert len(model.calls) == 3 and found.isfinite().all()
        assert [call.index for call in model.calls][0] == 0
