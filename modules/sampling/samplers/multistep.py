"""Samplers that remember the answers of earlier steps, and so need one call a step: LMS, DPM++ 2M, 2M SDE, 3M SDE.

Sources: k-diffusion; Lu et al. 2022b (DPM-Solver++). h is the step's length in t = -log sigma, which the paper calls lambda.
A schedule may repeat a level: such a step of length nought leaves x as it is and is not remembered, for what follows divides by lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from modules.sampling.samplers.levels import slope, steps_of
from modules.sampling.step import Ask, Noise, SamplerOptions, Sampling

LMS_ORDER = 4


def lms(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """Linear multistep, Adams-Bashforth on unequal steps: the polynomial through the last four slopes, integrated exactly. Starts with lower orders."""
    slopes: list[Tensor] = []
    levels: list[float] = []
    for index, sigma, sigma_next in steps_of(sigmas):
        answer = yield Ask(x, sigma, index)
        x = answer.x
        if sigma_next == sigma:
            continue
        slopes = [slope(answer, sigma), *slopes][:LMS_ORDER]
        levels = [float(sigma), *levels][:LMS_ORDER]
        change = torch.zeros_like(x)
        for weight, known in zip(lms_weights(levels, float(sigma_next)), slopes, strict=True):
            change = change + known * weight
        x = x + change
    return x


def lms_weights(levels: Sequence[float], end: float) -> list[float]:
    """levels: where slopes are known, the newest first. The weight of each in the integral, from the newest level to `end`, of the polynomial through them."""
    start = levels[0]
    weights = []
    for own in levels:
        others = [level for level in levels if level != own]
        # Shifted to start at 0, where the powers are smallest.
        basis = np.atleast_1d(np.poly([level - start for level in others])) / np.prod([own - level for level in others])
        weights.append(float(np.polyval(np.polyint(basis), end - start)))
    return weights


def dpmpp_2m(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2). The first step, and the one to 0, are of first order. Order 2."""
    x0_last: Tensor | None = None
    h_last = torch.zeros(())
    for index, sigma, sigma_next in steps_of(sigmas):
        answer = yield Ask(x, sigma, index)
        x, x0 = answer.x, answer.x0
        t, t_next = -sigma.log(), -sigma_next.log()
        h = t_next - t
        if h == 0:
            continue
        aim = x0
        if x0_last is not None and sigma_next > 0:
            r = h_last / h
            aim = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * x0_last
        x = (-t_next).exp() / (-t).exp() * x - (-h).expm1() * aim
        x0_last, h_last = x0, h
    return x


def dpmpp_2m_sde(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """SDE-DPM-Solver++(2M) (Lu et al. 2022b, section 5), second-order term by the midpoint rule. Order 2 with eta 0."""
    return _2m_sde(x, sigmas, noise, options, heun=False)


def dpmpp_2m_sde_heun(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """SDE-DPM-Solver++(2M), second-order term as Heun's rule has it. Order 2 with eta 0."""
    return _2m_sde(x, sigmas, noise, options, heun=True)


def _2m_sde(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions, heun: bool) -> Sampling:
    x0_last: Tensor | None = None
    h_last = torch.zeros(())
    for index, sigma, sigma_next in steps_of(sigmas):
        answer = yield Ask(x, sigma, index)
        x, x0 = answer.x, answer.x0
        if sigma_next == 0:
            x = x0
            continue
        h = sigma.log() - sigma_next.log()
        if h == 0:
            continue
        h_eta = h + options.eta * h
        share = -(-h_eta).expm1()
        x = sigma_next / sigma * (-options.eta * h).exp() * x + share * x0
        if x0_last is not None:
            weight = 1 - share / h_eta if heun else 0.5 * share
            x = x + weight * (h / h_last) * (x0 - x0_last)
        if options.eta:
            x = x + noise.brownian(sigma, sigma_next) * (sigma_next * (-(-2 * options.eta * h).expm1()).sqrt() * options.noise)
        x0_last, h_last = x0, h
    return x


def dpmpp_3m_sde(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """k-diffusion's third-order SDE solver: an exponential integrator with first and second divided differences of x0 over the last three answers."""
    known: list[tuple[Tensor, Tensor]] = []  # (x0, h) of the last two steps, the newest first
    for index, sigma, sigma_next in steps_of(sigmas):
        answer = yield Ask(x, sigma, index)
        x, x0 = answer.x, answer.x0
        if sigma_next == 0:
            x = x0
            continue
        h = sigma.log() - sigma_next.log()
        if h == 0:
            continue
        h_eta = h * (options.eta + 1)
        x = (-h_eta).exp() * x - (-h_eta).expm1() * x0
        phi_2 = (-h_eta).expm1() / h_eta + 1
        if len(known) == 2:
            (x0_1, h_1), (x0_2, h_2) = known
            r0, r1 = h_1 / h, h_2 / h
            newer, older = (x0 - x0_1) / r0, (x0_1 - x0_2) / r1
            first = newer + (newer - older) * r0 / (r0 + r1)
            second = (newer - older) / (r0 + r1)
            x = x + phi_2 * first - (phi_2 / h_eta - 0.5) * second
        elif known:
            x0_1, h_1 = known[0]
            x = x + phi_2 * ((x0 - x0_1) / (h_1 / h))
        if options.eta:
            x = x + noise.brownian(sigma, sigma_next) * (sigma_next * (-(-2 * options.eta * h).expm1()).sqrt() * options.noise)
        known = [(x0, h), *known][:2]
    return x
