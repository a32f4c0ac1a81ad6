"""What holds for every sampler, with every schedule type."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modules.core.groups.sampling import Spacing
from modules.core.records.samplers import SAMPLERS as RECORDS
from modules.core.records.schedules import SCHEDULES
from modules.sampling.noise import PictureNoise
from modules.sampling.parameterization import Table, scaled_linear, zero_terminal_snr
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import ddim_timesteps, schedule_for
from modules.sampling.step import Ask, Denoised, SamplerOptions, Step, drive
from tests.sampling.gaussian import Gaussian, Quiet

SHAPE = (4, 4, 6)
TABLE = Table(scaled_linear())
ALL = [record.name for record in RECORDS]
DIFFUSERS = [record.name for record in RECORDS if record.diffusers]
CONSISTENCY = ("LCM", "TCD (diffusers)")


def options(name: str, sigmas: Tensor, steps: int, table: Table = TABLE, eta: float | None = None, churn: float = 0.0) -> SamplerOptions:
    """As the engine fills them in."""
    record = RECORDS.get(name)
    return SamplerOptions(
        eta=record.default_eta if eta is None else eta,
        churn=churn,
        steps=steps,
        alphas_cumprod=table.alphas_cumprod,
        timesteps=ddim_timesteps(steps) if record.timesteps else None,
        sigma_range=(float(sigmas[sigmas > 0].min()), float(sigmas.max())),
    )


def sampled(name: str, seeds: list[int], sigmas: Tensor, own: SamplerOptions, model: Gaussian | None = None) -> Tensor:
    noise = PictureNoise(seeds, SHAPE, sigma_range=own.sigma_range)
    x = noise.first() if RECORDS.get(name).timesteps else noise.first() * sigmas[0]
    return drive(SAMPLERS[name](x, sigmas, noise, own), (model or Gaussian()).denoise, Step())


def test_every_name_has_its_function() -> None:
    assert list(SAMPLERS) == [record.name for record in RECORDS]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_few_steps_are_finite_with_every_schedule_type(name: str, steps: int) -> None:
    for schedule in SCHEDULES.names():
        sigmas = schedule_for(name, schedule, steps, TABLE, Spacing())
        found = sampled(name, [1, 2], sigmas, options(name, sigmas, steps))
        assert found.shape == (2, *SHAPE) and found.dtype == torch.float32 and found.isfinite().all(), schedule


@pytest.mark.parametrize("name", ALL)
def test_odd_schedules_are_finite(name: str) -> None:
    """Levels that repeat, climb to thousands, or lie all together; far too much fresh noise."""
    terminal = Table(zero_terminal_snr(scaled_linear()))
    cases = [
        (schedule_for(name, "Beta", 9, TABLE, Spacing(beta_alpha=0.01, beta_beta=0.01)), TABLE),
        (schedule_for(name, "Simple", 60, Table(scaled_linear(steps=40)), Spacing()), TABLE),
        (schedule_for(name, "Karras", 6, TABLE, Spacing(sigma_min=2, sigma_max=2)), TABLE),
        (schedule_for(name, "Automatic", 6, terminal, Spacing()), terminal),
    ]
    for sigmas, table in cases:
        for eta in (0.0, 1.0, 10.0):
            assert sampled(name, [1], sigmas, options(name, sigmas, 9, table, eta)).isfinite().all()
    sigmas = torch.tensor([3.0, 3.0, 1.0, 1.0, 1.0, 0.2, 0.2, 0.0])
    assert sampled(name, [1], sigmas, options(name, sigmas, 7, churn=100)).isfinite().all()


@pytest.mark.parametrize("name", [record.name for record in RECORDS if not record.timesteps and record.name not in ("DPM fast", "DPM adaptive")])
def test_a_schedule_without_steps_gives_x_back(name: str) -> None:
    x = torch.ones(1, *SHAPE)
    assert torch.equal(drive(SAMPLERS[name](x, torch.tensor([2.0]), Quiet(x), SamplerOptions()), Gaussian().denoise, Step()), x)


@pytest.mark.parametrize("name", [name for name in ALL if not RECORDS.get(name).alone])
def test_a_picture_of_a_batch_is_as_it_is_alone(name: str) -> None:
    sigmas = schedule_for(name, "Automatic", 7, TABLE, Spacing())
    own = options(name, sigmas, 7, eta=0.8, churn=3.0)
    batch = sampled(name, [5, 2**40, 7], sigmas, own)
    assert torch.equal(batch, torch.cat([sampled(name, [seed], sigmas, own) for seed in (5, 2**40, 7)]))


@pytest.mark.parametrize("name", ALL)
def test_asks_are_float32_on_the_cpu_and_go_forward(name: str) -> None:
    sigmas = schedule_for(name, "Automatic", 8, TABLE, Spacing())
    asks: list[Ask] = []

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        asks.append(Ask(x, sigma, step.index))
        return Gaussian().denoise(x, sigma, step)

    noise = PictureNoise([1], SHAPE)
    drive(SAMPLERS[name](noise.first() * 14.6, sigmas, noise, options(name, sigmas, 8)), denoise, Step())
    assert all(ask.sigma.dtype == torch.float32 and ask.sigma.ndim == 0 and ask.x.dtype == torch.float32 for ask in asks)
    indices = [ask.step for ask in asks]
    assert indices == sorted(indices) and indices[0] == 0 and indices[-1] < 9


@pytest.mark.parametrize("name", [name for name in ALL if not RECORDS.get(name).alone])
def test_nothing_waits_for_the_device(name: str) -> None:
    """On the "meta" device tensors have no values, so whoever tried to read one would fail."""
    x = torch.empty(2, *SHAPE, device="meta")
    sigmas = schedule_for(name, "Automatic", 21, TABLE, Spacing())
    own = options(name, sigmas, 21, eta=1.0, churn=3.0)
    found = drive(SAMPLERS[name](x, sigmas, Quiet(x), own), lambda x, sigma, step: Denoised(x * sigma, x, x), Step())
    assert found.device.type == "meta" and found.shape == x.shape and found.dtype == torch.float32


CALLS = {
    1: ("Euler", "Euler a", "LMS", "DPM++ 2M", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE", "LCM", "DPM fast", *DIFFUSERS),
    2: ("Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ SDE", "Restart"),
}


@pytest.mark.parametrize(("name", "per_step"), [(name, calls) for calls, names in CALLS.items() for name in names])
@pytest.mark.parametrize("steps", [1, 5, 12, 20, 40])
def test_calls_of_the_model(name: str, per_step: int, steps: int) -> None:
    """The last step of second-order samplers, down to 0, needs one call only."""
    sigmas = schedule_for(name, "Automatic", steps, TABLE, Spacing())
    model = Gaussian()
    sampled(name, [1], sigmas, options(name, sigmas, steps), model)
    assert len(model.calls) == steps * per_step - (per_step - 1)
    assert RECORDS.get(name).second_order == (per_step == 2)


def final_std(name: str) -> float:
    return 0.09 if name in ("Euler a", "DDIM", "DDIM CFG++", "Euler", "DDPM (diffusers)") else 0.03


@pytest.mark.parametrize("name", [name for name in ALL if name not in CONSISTENCY])
def test_pictures_are_distributed_as_the_data(name: str) -> None:
    """Gaussian data in 8192 dimensions, 40 steps: their mean and spread come out; those of first order spread a little less."""
    model = Gaussian()
    sigmas = schedule_for(name, "Karras", 40, TABLE, Spacing())
    own = options(name, sigmas, 40, eta=1.0)
    noise = PictureNoise([1], (2, 64, 64), sigma_range=own.sigma_range)
    x = noise.first() if RECORDS.get(name).timesteps else noise.first() * sigmas[0]
    found = drive(SAMPLERS[name](x, sigmas, noise, own), model.denoise, Step())
    assert float(found.mean()) == pytest.approx(model.mean, abs=0.04)
    assert float(found.std()) == pytest.approx(model.std, abs=final_std(name))
    centred = (found - found.mean()) / found.std()
    assert abs(float((centred**3).mean())) < 0.1 and float((centred**4).mean()) == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize("name", CONSISTENCY)
def test_a_consistency_model_gives_the_datas_distribution(name: str) -> None:
    """Such a model answers with the end of the ODE's path, not with the mean of all data that fit. TCD ends at the lowest level, with its noise still there."""
    model = Gaussian()

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        x0 = model.flow(x, float(sigma), 0.0)
        return Denoised(x0, x0, x)

    sigmas = schedule_for(name, "Automatic", 4, TABLE, Spacing())
    noise = PictureNoise([1], (2, 64, 64))
    found = drive(SAMPLERS[name](noise.first() * sigmas[0], sigmas, noise, SamplerOptions(alphas_cumprod=TABLE.alphas_cumprod)), denoise, Step())
    assert float(found.mean()) == pytest.approx(model.mean, abs=0.04)
    assert float(found.std()) == pytest.approx(model.std, abs=0.03 if name == "LCM" else 0.04)
