"""DPM-Solver on its own grid, evenly spaced in t = -log sigma: DPM fast and DPM adaptive (Lu et al. 2022a, sections 3 and 4 and appendix C).

Of the schedule they take the ends only. As A1111 has it: a whole schedule runs from its first level to the model's smallest, in as many calls as steps
were asked for; one cut by img2img runs to its next-to-last level, in as many calls as it has steps.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import torch
from torch import Tensor

from modules.sampling.samplers.levels import ancestral, slope, table_of
from modules.sampling.step import Ask, Denoised, Noise, SamplerOptions, Sampling

Solving = Generator[Ask, Denoised, tuple[Tensor, Tensor]]

RELATIVE, ABSOLUTE = 0.05, 0.0078
"""Tolerances of DPM adaptive: a 20th of the value, or one grey level."""
FIRST_LENGTH = 0.05
ACCEPTED_FROM = 0.81
MOST_TRIES = 300
"""Adaptive steps are ten times fewer; past this the rest is walked in one."""


def dpm_fast(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """DPM-Solver-fast (section 3.4): third-order steps, and at the end what the number of calls leaves: 2 and 1, 1, or 2. eta as in `ancestral`."""
    start, end, calls = _span(sigmas, options)
    if calls % 3:
        orders = [3] * (calls // 3) + [calls % 3]
    else:
        orders = [3] * (calls // 3 - 1) + [2, 1]
    levels = torch.linspace(start, end, calls // 3 + 2, dtype=sigmas.dtype)
    spent = 0
    for order, t, t_next in zip(orders, levels[:-1], levels[1:], strict=True):
        t_down, up = _descent(t, t_next, levels[-1], options.eta)
        x, _ = yield from _solve(order, x, t, t_down, spent)
        x = x + noise() * (options.noise * up)
        spent += order
    return x


def dpm_adaptive(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """DPM-Solver-23 with adaptive step size (appendix C.3): a step counts when its second- and third-order results agree; three calls a try.

    The error is taken over the whole batch, so pictures of a batch share their steps: whoever wants a picture as it is alone must run it alone.
    """
    start, end, _ = _span(sigmas, options)
    t, t_end = torch.tensor(start, dtype=sigmas.dtype), torch.tensor(end, dtype=sigmas.dtype)
    length, exponent = FIRST_LENGTH, 1 / (1.5 if options.eta else 3)
    x_low_last = x
    tries = 0
    while t < t_end - 1e-5:
        tries += 1
        last_try = tries > MOST_TRIES
        t_next = t_end if last_try else torch.minimum(t_end, t + length)
        t_down, up = _descent(t, t_next, t_end, options.eta)
        share = float((t - start) / (t_end - start))
        x_high, x_low = yield from _solve(3, x, t, t_down, int(share * options.steps))
        bound = torch.clamp(RELATIVE * torch.maximum(x_low.abs(), x_low_last.abs()), min=ABSOLUTE)
        error = float(torch.linalg.vector_norm((x_low - x_high) / bound)) / x.numel() ** 0.5
        if not math.isfinite(error):  # the model answers with no numbers: no step length mends that
            return x_high
        factor = 1 + math.atan((1 / (error + 1e-8)) ** exponent - 1)
        if factor >= ACCEPTED_FROM or last_try:
            x_low_last = x_low
            x = x_high + noise() * (options.noise * up)
            t = t_next
        length *= factor
    return x


def _span(sigmas: Tensor, options: SamplerOptions) -> tuple[float, float, int]:
    """(t at the start, t at the end, calls)."""
    levels = sigmas.detach().cpu()
    high, whole = float(levels[0]), float(levels[0]) >= options.sigma_range[1]
    calls = options.steps if whole else len(levels) - 1
    low = float(levels[-2:][0])
    if whole or low >= high:  # a cut to a single step has no level in between
        low = table_of(options).sigma_min
    low, high = float(torch.tensor(low).log()), float(torch.tensor(high).log())
    return -high, -low, max(calls, 1)


def _descent(t: Tensor, t_next: Tensor, t_end: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """(where to walk, how much noise brings it back up to t_next)."""
    if eta == 0:
        return t_next, torch.zeros_like(t)
    down, _ = ancestral((-t).exp(), (-t_next).exp(), eta)
    t_down = torch.minimum(t_end, -down.log())
    return t_down, ((-t_next).exp() ** 2 - (-t_down).exp() ** 2).clamp(min=0) ** 0.5


def _solve(order: int, x: Tensor, t: Tensor, t_next: Tensor, index: int) -> Solving:
    """One step of DPM-Solver-1, -2 (r1 = 1/2) or -3 (r1 = 1/3, r2 = 2/3): algorithms 1 and 2. Returns (result, the embedded second-order one of order 3)."""
    h = t_next - t
    answer = yield Ask(x, (-t).exp(), index)
    x, eps = answer.x, slope(answer, (-t).exp())
    to_end = (-t_next).exp() * h.expm1()
    if order == 1 or h == 0:
        first = x - to_end * eps
        return first, first
    r1 = 1 / 2 if order == 2 else 1 / 3
    t1 = t + r1 * h
    answer = yield Ask(x - (-t1).exp() * (r1 * h).expm1() * eps, (-t1).exp(), index)
    bend = slope(answer, (-t1).exp()) - eps
    second = x - to_end * eps - to_end / (2 * r1) * bend
    if order == 2:
        return second, second
    r2 = 2 / 3
    t2, h2 = t + r2 * h, r2 * h
    between = x - (-t2).exp() * h2.expm1() * eps - (-t2).exp() * (r2 / r1) * (h2.expm1() / h2 - 1) * bend
    answer = yield Ask(between, (-t2).exp(), index)
    bend = slope(answer, (-t2).exp()) - eps
    return x - to_end * eps - (-t_next).exp() / r2 * (h.expm1() / h - 1) * bend, second
