"""Restart (Xu et al. 2023, "Restart sampling for improving generative processes"): go down, jump back up with fresh noise, and down once more.

Knows how A1111 spreads the asked-for number of steps over the way down and the repeated stretch.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from modules.sampling.samplers.euler import heun_step
from modules.sampling.schedules import karras
from modules.sampling.step import Noise, SamplerOptions, Sampling

LOWER, UPPER = 0.1, 2.0
"""The stretch that is walked again."""


def restart(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """Algorithm 1 with Heun steps. Under 20 steps nothing is repeated, and it is Heun's method without churn or draws."""
    reached: Tensor | None = None
    for index, (sigma, sigma_next) in enumerate(walk(sigmas)):
        if reached is not None and sigma > reached:
            x = x + noise() * (options.noise * (sigma**2 - reached**2) ** 0.5)
        x = yield from heun_step(x, sigma, sigma_next, index)
        reached = sigma_next
    return x


def walk(sigmas: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The steps (sigma, sigma_next), as many as the schedule [n+1] has. Of 20 to 35 steps 9 repeat the stretch; from 36 on it is repeated twice, n // 4 each.

    What is left for the way down is spaced anew, by Karras's rule between the schedule's ends.
    """
    levels = sigmas.detach().cpu()
    steps = len(levels) - 1
    if steps < 20:
        return list(pairwise(levels.unbind()))
    repeated, times = (9, 1) if steps < 36 else (steps // 4, 2)
    descent = karras(steps - repeated * times, float(levels[-2]), float(levels[0])).to(levels)
    descent = torch.cat([descent, descent.new_zeros(1)])
    bottom, top = (int((descent - level).abs().argmin()) for level in (LOWER, UPPER))
    way = list(pairwise(descent.unbind()))
    if top >= bottom:
        return way
    again = karras(repeated + 1, float(descent[bottom]), float(descent[top])).to(levels)
    return way[:bottom] + list(pairwise(again.unbind())) * times + way[bottom:]
