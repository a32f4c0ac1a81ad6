"""UniPC (Zhao et al. 2023, "UniPC: a unified predictor-corrector framework"): multistep, order 3, on predictions of x0, B(h) = h ("bh1").

As A1111 has it: its own grid, evenly spaced in continuous time from 1 to 1/1000 with as many steps as there are timesteps, lower orders at both ends,
and no last step to noise level 0. Below, lambda = log(alpha / sigma) with alpha^2 + sigma^2 = 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from modules.sampling.samplers.timesteps import alphas_and_timesteps
from modules.sampling.schedules import ddim_timesteps
from modules.sampling.step import Ask, Noise, SamplerOptions, Sampling

ORDER = 3


class Moment(NamedTuple):
    """A point of the grid, float64."""

    alpha: Tensor
    sigma: Tensor
    lam: Tensor


class Known(NamedTuple):
    """A model answer and the point where it was asked."""

    at: Moment
    x0: Tensor


def unipc(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """UniPC-3 (algorithms 3 and 4, on x0): a step's result is corrected by the answer at its end, which then serves the next step. One call a step."""
    points = grid(options)
    steps = len(points) - 1
    known: list[Known] = []
    start, order = x, 1  # of the step before
    for index, (here, there) in enumerate(zip(points, points[1:], strict=False)):
        answer = yield Ask(x / here.alpha, (here.sigma / here.alpha).float(), index)
        x = answer.x * here.alpha
        if known:
            x = solve(start, known, here, order, answer.x0)
        known = [Known(here, answer.x0), *(point for point in known if point.at.lam != here.lam)][:ORDER]
        start, order = x, min(len(known), steps - index)
        x = solve(start, known, there, order)
    return x


def grid(options: SamplerOptions) -> list[Moment]:
    """From the last of the model's timesteps (of an img2img cut: the last one left) to the first; log alpha is linear between timesteps."""
    alphas, timesteps = alphas_and_timesteps(options)
    if not len(timesteps):  # an img2img cut that leaves nothing to do
        return []
    cut = len(timesteps) < len(ddim_timesteps(options.steps, len(alphas)))
    latest = float(timesteps[-1]) if cut else len(alphas) - 1
    log_alphas = 0.5 * alphas.double().log()
    places = torch.linspace(latest, 0, len(timesteps) + 1, dtype=torch.float64)
    low = places.floor().long().clamp(max=len(alphas) - 2)
    logs = log_alphas[low].lerp(log_alphas[low + 1], places - low)
    sigmas = (1 - (2 * logs).exp()).sqrt()
    return [Moment(log.exp(), sigma, log - sigma.log()) for log, sigma in zip(logs, sigmas, strict=True)]


def solve(z: Tensor, known: Sequence[Known], end: Moment, order: int, x0_end: Tensor | None = None) -> Tensor:
    """UniP of `order` from z at known[0] to `end` (equation 9's form for x0); given the answer at `end`, UniC. known: the newest first, at least `order`.

    B(h) = h cancels in the coefficients; a step of length nought leaves z as it is.
    """
    (start, x0), earlier = known[0], known[1:order]
    h = start.lam - end.lam  # the paper's -h, for x0
    if h == 0:
        return z
    ratios = [float((point.at.lam - start.lam) / -h) for point in earlier]
    differences = [(point.x0 - x0) / ratio for point, ratio in zip(earlier, ratios, strict=True)]
    if x0_end is not None:
        ratios, differences = [*ratios, 1.0], [*differences, x0_end - x0]
    z = end.sigma / start.sigma * z - end.alpha * h.expm1() * x0
    for weight, difference in zip(weights(ratios, float(h)), differences, strict=True):
        z = z - difference * (end.alpha * h * weight)
    return z


def weights(ratios: Sequence[float], h: float) -> list[float]:
    """What makes a step exact for polynomials (equation 6): sum of weight ratio^(k-1) = k! phi_(k+1)(h). A single one is 1/2, as published."""
    if len(ratios) < 2:
        return [0.5] * len(ratios)
    powers = np.vander(ratios, increasing=True).T
    phi = math.expm1(h) / h
    aims = []
    for k in range(1, len(ratios) + 1):
        phi = (phi - 1 / math.factorial(k)) / h
        aims.append(phi * math.factorial(k))
    return [float(weight) for weight in np.linalg.solve(powers, aims)]
