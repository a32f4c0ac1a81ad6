from __future__ import annotations

import math

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from modules.sampling.parameterization import scaled_linear
from modules.sampling.samplers import SAMPLERS
from modules.sampling.samplers.timesteps import ADAMS_BASHFORTH
from modules.sampling.schedules import ddim_timesteps
from modules.sampling.step import Denoised, SamplerOptions, Step, drive
from tests.sampling.gaussian import Gaussian, Quiet, run

ALPHAS = scaled_linear()
NONE = torch.zeros(0)
GENERATOR = torch.Generator().manual_seed(0)
Z = torch.randn(2, 4, 3, 3, generator=GENERATOR)


def options(steps: int, eta: float = 0.0, alphas: Tensor = ALPHAS) -> SamplerOptions:
    return SamplerOptions(eta=eta, steps=steps, timesteps=ddim_timesteps(steps), alphas_cumprod=alphas)


def even_alphas() -> Tensor:
    """A table whose timesteps are even in log sigma, from 0.1 to 10: there a method shows its order."""
    return (1 / (1 + torch.linspace(math.log(0.1), math.log(10), 1000, dtype=torch.float64).exp() ** 2)).float()


def error(name: str, steps: int) -> float:
    model, alphas = Gaussian(), even_alphas()
    own, timesteps = options(steps, alphas=alphas), ddim_timesteps(steps)
    first, last = (0, 999) if name == "UniPC" else (int(timesteps[0]), int(timesteps[-1]))
    a_first, a_last = alphas[first].double(), alphas[last].double()
    x = torch.linspace(-12, 12, 9, dtype=torch.float64).reshape(1, 1, 3, 3)
    found = run(name, x * a_last**0.5, NONE, model, own) / a_first**0.5
    end = model.flow(x, float(((1 - a_last) / a_last) ** 0.5), float(((1 - a_first) / a_first) ** 0.5))
    return float((found - end).abs().max())


@pytest.mark.parametrize(("name", "order"), [("DDIM", 0.9), ("DDIM CFG++", 0.9), ("PLMS", 1.9), ("UniPC", 1.9)])
def test_order(name: str, order: float) -> None:
    assert order < math.log10(error(name, 10) / error(name, 100)) < order + 1


def test_the_higher_orders_are_nearer_at_twenty_steps() -> None:
    assert error("UniPC", 20) < error("PLMS", 20) < error("DDIM", 20)


@pytest.mark.parametrize(("steps", "calls"), [(1, 0), (2, 1), (12, 12), (20, 19), (50, 49)])
def test_one_call_for_each_timestep_but_the_first(steps: int, calls: int) -> None:
    for name, more in (("DDIM", 0), ("DDIM CFG++", 0), ("PLMS", 1 if calls else 0)):
        model = Gaussian()
        found = run(name, Z, NONE, model, options(steps))
        assert len(model.calls) == calls + more and found.isfinite().all()
        if not calls:
            assert torch.equal(found, Z)


def test_it_asks_at_whole_timesteps_from_the_last_to_the_second() -> None:
    from_alphas = ((1 - ALPHAS) / ALPHAS) ** 0.5
    model = Gaussian()
    run("DDIM", Z, NONE, model, options(12))
    assert model.sigmas == from_alphas[ddim_timesteps(12).flip(0)[:-1]].tolist()


@pytest.mark.parametrize("eta", [0.0, 0.7, 1.0])
def test_ddim_takes_the_steps_of_diffusers(eta: float) -> None:
    """Its scheduler, led over the same timesteps one by one."""
    model, timesteps, theirs = Gaussian(), ddim_timesteps(10), Z.clone()
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False)
    scheduler.set_timesteps(10)
    for place in range(len(timesteps) - 1, 0, -1):
        t, a = int(timesteps[place]), ALPHAS[timesteps[place]]
        sigma = ((1 - a) / a) ** 0.5
        x = theirs / a**0.5
        eps = (x - model.denoise(x, sigma, Step()).x0) / sigma
        theirs = scheduler.step(eps, t, theirs, eta=eta, variance_noise=torch.ones_like(Z)).prev_sample
    ours = run("DDIM", Z, NONE, Gaussian(), options(10, eta), Quiet(Z, 1.0))
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_noise_is_drawn_in_every_step_whatever_eta() -> None:
    for name in ("DDIM", "DDIM CFG++"):
        for eta in (0.0, 1.0):
            noise = Quiet(Z)
            run(name, Z, NONE, Gaussian(), options(12, eta), noise)
            assert noise.drawn == 12


def test_eta_never_asks_for_more_than_the_level_holds() -> None:
    noise = Quiet(Z, 1.0)
    for eta in (1.0, 3.0, 10.0):
        assert run("DDIM", Z, NONE, Gaussian(), options(7, eta), noise).isfinite().all()


def test_cfgpp_goes_back_along_the_unguided_noise() -> None:
    """One step by hand: x0 with a 12.5th of the guidance, and the noise that the unguided prediction leaves."""
    guided, unguided = torch.full_like(Z, 2.0), torch.full_like(Z, 0.5)
    timesteps = torch.tensor([100, 600])
    a_next, a = ALPHAS[timesteps].double()
    own = SamplerOptions(eta=0.0, timesteps=timesteps, alphas_cumprod=ALPHAS)
    found = drive(SAMPLERS["DDIM CFG++"](Z, NONE, Quiet(Z), own), lambda x, sigma, step: Denoised(guided, unguided, x), Step())
    eps = (Z - a**0.5 * 0.5) / (1 - a) ** 0.5
    assert torch.allclose(found, a_next**0.5 * (0.5 + 1.5 / 12.5) + (1 - a_next) ** 0.5 * eps, atol=1e-5)


def test_adams_bashforth_weights_follow_polynomials() -> None:
    for count, weights in ADAMS_BASHFORTH.items():
        for power in range(count):
            integral = 1 / (power + 1)
            assert sum(weight * (-place) ** power for place, weight in enumerate(weights)) == pytest.approx(integral)


def test_the_wrappers_x_is_what_it_goes_on_from() -> None:
    """An inpaint mask blended into the network's input must not be undone by the step."""
    blended = torch.full_like(Z, 3.0)
    own = SamplerOptions(eta=0.0, timesteps=torch.tensor([100, 600]), alphas_cumprod=ALPHAS)

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        return Denoised(blended, blended, blended)

    for name in ("DDIM", "DDIM CFG++", "PLMS"):
        found = drive(SAMPLERS[name](Z, NONE, Quiet(Z), own), denoise, Step())
        assert torch.allclose(found, blended * ALPHAS[100] ** 0.5, atol=1e-5)
