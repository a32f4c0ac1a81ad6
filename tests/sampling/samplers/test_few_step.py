from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modules.core.groups.sampling import Spacing
from modules.sampling.parameterization import Table, c_in, scaled_linear
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import schedule_for
from modules.sampling.step import Denoised, SamplerOptions, Step, drive
from tests.sampling.gaussian import Gaussian, Quiet, run

TABLE = Table(scaled_linear())
OPTIONS = SamplerOptions(alphas_cumprod=TABLE.alphas_cumprod)
X = torch.full((1, 1, 2, 2), 9.0)


def test_it_asks_at_the_timesteps_of_its_distillation_alone() -> None:
    model = Gaussian()
    run("LCM", X, schedule_for("LCM", "Karras", 8, TABLE, Spacing()), model, OPTIONS)
    timesteps = TABLE.to_t(torch.tensor(model.sigmas))
    assert torch.equal(timesteps, timesteps.round()) and (timesteps.long() % 20 == 19).all()
    assert timesteps[0] == 999 and timesteps[-1] == 19


def test_the_network_sees_the_true_level_at_the_nearest_timestep() -> None:
    """Half way between two of its levels: same input to the network, same noise in it, hence the same clean latents."""
    seen = []
    eps = torch.full_like(X, 0.7)

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        seen.append(x * c_in(sigma))
        x0 = x - eps * sigma
        return Denoised(x0, x0, x)

    sigma = torch.sqrt(TABLE.sigmas[819] * TABLE.sigmas[839]) * 1.001
    found = drive(SAMPLERS["LCM"](X, torch.stack([sigma, torch.tensor(0.0)]), Quiet(X), OPTIONS), denoise, Step())
    assert torch.allclose(seen[0], X * c_in(sigma))
    assert torch.allclose(found, X - eps * sigma, atol=1e-4)


def test_each_step_is_a_leap_and_new_noise() -> None:
    model = Gaussian(mean=1.5, std=0.0)
    noise = Quiet(X, 2.0)
    found = run("LCM", X, torch.stack([TABLE.sigmas[999], TABLE.sigmas[499]]), model, OPTIONS, noise)
    assert torch.allclose(found, torch.full_like(X, 1.5 + 2 * float(TABLE.sigmas[499])), rtol=1e-4)
    assert noise.drawn == 1
    assert torch.allclose(run("LCM", X, torch.stack([TABLE.sigmas[999], torch.tensor(0.0)]), model, OPTIONS, noise), torch.full_like(X, 1.5), rtol=1e-4)
    assert noise.drawn == 1


def test_a_single_step() -> None:
    sigmas = schedule_for("LCM", "Automatic", 1, TABLE, Spacing())
    assert float(sigmas[0]) == pytest.approx(TABLE.sigma_max)
    assert run("LCM", X, sigmas, Gaussian(), OPTIONS).isfinite().all()
