"""Samplers that walk a model's own integer timesteps in the variance-preserving convention z = sqrt(a) x0 + sqrt(1-a) noise: DDIM, DDIM CFG++, PLMS.

They take `options.timesteps` (ascending) and `options.alphas_cumprod`; sigmas are not used, and z starts as plain noise. As A1111 has it the walk goes
from the last timestep down to the second one and ends at the level of the first: n timesteps make n-1 steps. So a single timestep makes none, and
the noise comes back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from modules.sampling.samplers.levels import slope, table_of
from modules.sampling.schedules import ddim_timesteps
from modules.sampling.step import Ask, Noise, SamplerOptions, Sampling

CFG_PP = 12.5
"""A1111's divisor that brings its usual CFG scales (7) into CFG++'s range of 0 to 1."""


class Level(NamedTuple):
    """step: from 0. alpha, alpha_next: alphas_cumprod here and at the next, cleaner timestep, float64. sigma: the level here in k-diffusion's
    convention, float32."""

    step: int
    sigma: Tensor
    alpha: Tensor
    alpha_next: Tensor


def ddim(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """Song et al. 2020, equation 12, with equation 16's sigma scaled by eta. Order 1."""
    for level in walk(options):
        answer = yield asked(x, level)
        x = ddim_step(answer.x0, slope(answer, level.sigma), level, noise, options.eta)
    return x


def ddim_cfgpp(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """CFG++ (Chung et al. 2024, algorithm 2): little guidance for x0, and back along the noise that was seen without any.

    The answer's guidance is scaled down here, so that the caller's usual CFG scales serve.
    """
    for level in walk(options):
        answer = yield asked(x, level)
        x0 = answer.uncond + (answer.x0 - answer.uncond) / CFG_PP
        x = ddim_step(x0, (answer.x - answer.uncond) / level.sigma, level, noise, options.eta)
    return x


def plms(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """Pseudo linear multistep (Liu et al. 2022, PNDM, equations 12 and 13): Adams-Bashforth up to order 4 on eps, then DDIM's step.

    The first step asks twice, at its start and at its end. A draw is taken in each DDIM step, as A1111 does, though none is added.
    """
    known: list[Tensor] = []
    for level in walk(options):
        answer = yield asked(x, level)
        x0, eps = answer.x0, slope(answer, level.sigma)
        z = answer.x * level.alpha**0.5
        known = [eps, *known][:4]
        if len(known) == 1:
            trial = ddim_step(x0, eps, level, noise, eta=0.0)
            end = Level(level.step, sigma_of(level.alpha_next), level.alpha_next, level.alpha_next)
            answer = yield asked(trial, end)
            eps = (eps + slope(answer, end.sigma)) / 2
        else:
            weights = ADAMS_BASHFORTH[len(known)]
            eps = sum((past * weight for past, weight in zip(known, weights, strict=True)), torch.zeros_like(eps))
        x0 = (z - (1 - level.alpha) ** 0.5 * eps) / level.alpha**0.5
        x = ddim_step(x0, eps, level, noise, eta=0.0)
    return x


ADAMS_BASHFORTH = {2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12), 4: (55 / 24, -59 / 24, 37 / 24, -9 / 24)}


def alphas_and_timesteps(options: SamplerOptions) -> tuple[Tensor, Tensor]:
    """What the caller gave, on the CPU; the timesteps of `options.steps` where none were given."""
    alphas = table_of(options).alphas_cumprod
    timesteps = options.timesteps if options.timesteps is not None else ddim_timesteps(options.steps, len(alphas))
    return alphas, timesteps.detach().cpu()


def walk(options: SamplerOptions) -> Iterator[Level]:
    alphas, timesteps = alphas_and_timesteps(options)
    own = alphas[timesteps].double()
    steps = len(timesteps) - 1
    return (Level(steps - place, sigma_of(own[place]), own[place], own[place - 1]) for place in range(steps, 0, -1))


def sigma_of(alpha: Tensor) -> Tensor:
    """In float32, to the bit as the model's table has it, so that the way back gives the whole timestep."""
    alpha = alpha.float()
    return ((1 - alpha) / alpha) ** 0.5


def asked(z: Tensor, level: Level) -> Ask:
    return Ask(z / level.alpha**0.5, level.sigma, level.step)


def ddim_step(x0: Tensor, eps: Tensor, level: Level, noise: Noise, eta: float) -> Tensor:
    """From clean latents and the noise in them to the next level. A draw is taken even with eta 0; one too large for the level is cut to it."""
    a, a_next = level.alpha, level.alpha_next
    fresh = eta * ((1 - a_next) / (1 - a) * (1 - a / a_next)) ** 0.5
    fresh = torch.minimum(fresh, (1 - a_next) ** 0.5)
    return x0 * a_next**0.5 + eps * (1 - a_next - fresh**2).clamp(min=0) ** 0.5 + noise() * fresh
