"""The schedule types: at which noise levels a sampler stops on its way down.

Each formula gives descending sigmas for n steps; A1111's rules decide their ends, its names are in `core.records.schedules`.
Sources: Karras et al. 2022, equation 5 (Karras); k-diffusion (Exponential, Polyexponential, Uniform); Stability's generative-models (SGM Uniform);
Sabour et al. 2024 (Align Your Steps, and KL Optimal's closed form); Lee et al. 2024 (Beta); ComfyUI (Simple, Normal, DDIM);
Ho et al. 2020 as Song et al. 2021 have it in continuous time (Linear); Nichol & Dhariwal 2021 (Cosine).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from modules.core.errors import InvalidRequest
from modules.core.groups.sampling import Spacing
from modules.core.records.samplers import SAMPLERS, resolved_schedule
from modules.core.records.schedules import SCHEDULES
from modules.sampling.own_levels import own_levels
from modules.sampling.parameterization import Table

OPTIMAL_LEVELS: Mapping[str, tuple[float, ...]] = {
    "sd1": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
}
"""Align Your Steps' published levels for ten steps, by family."""

BETA_MIN, BETA_MAX = 0.1, 20.0
"""Of a diffusion with linearly growing beta in continuous time; a thousandth of each is the first and the last of DDPM's betas."""

SMALLEST = 1e-4
"""No schedule goes lower before its 0; float32 would lose the level."""


@dataclass(frozen=True)
class Wish:
    """What a formula is given. low, high: sigmas of the ends. levels: one of OPTIMAL_LEVELS."""

    steps: int
    low: float
    high: float
    rho: float
    table: Table
    spacing: Spacing
    levels: tuple[float, ...]


def _from_timesteps(table: Table, first: Tensor | float, last: Tensor | float, count: int) -> Tensor:
    return table.to_sigma(torch.linspace(float(first), float(last), count))


def _uniform(wish: Wish) -> Tensor:
    return _from_timesteps(wish.table, len(wish.table) - 1, 0, wish.steps)


def _normal(wish: Wish) -> Tensor:
    return _from_timesteps(wish.table, wish.table.to_t(wish.high), wish.table.to_t(wish.low), wish.steps)


def _sgm_uniform(wish: Wish) -> Tensor:
    return _from_timesteps(wish.table, wish.table.to_t(wish.high), wish.table.to_t(wish.low), wish.steps + 1)[:-1]


def karras(count: int, low: float, high: float, rho: float = 7.0) -> Tensor:
    """`count` levels from high to low, evenly spaced in their rho-th roots."""
    ramp = torch.linspace(0, 1, count)
    if rho < 1:  # such roots leave float32; taken as shares of the highest they only vanish
        shares = (1 + ramp.double() * ((low / high) ** (1 / rho) - 1)) ** rho
        return (high * shares).clamp(low, high).float()
    start, end = high ** (1 / rho), low ** (1 / rho)
    return (start + ramp * (end - start)) ** rho


def _karras(wish: Wish) -> Tensor:
    return karras(wish.steps, wish.low, wish.high, wish.rho)


def _exponential(wish: Wish) -> Tensor:
    return torch.linspace(math.log(wish.high), math.log(wish.low), wish.steps).exp()


def _polyexponential(wish: Wish) -> Tensor:
    ramp = torch.linspace(1, 0, wish.steps) ** wish.rho
    return (ramp * (math.log(wish.high) - math.log(wish.low)) + math.log(wish.low)).exp()


def _kl_optimal(wish: Wish) -> Tensor:
    share = torch.arange(wish.steps + 1) / wish.steps
    return (share * math.atan(wish.low) + (1 - share) * math.atan(wish.high)).tan()


def _align_your_steps(wish: Wish) -> Tensor:
    levels = np.array(wish.levels)
    if wish.steps != len(levels):
        ascending = np.interp(np.linspace(0, 1, wish.steps), np.linspace(0, 1, len(levels)), np.log(levels[::-1]))
        levels = np.exp(ascending)[::-1].copy()
    return torch.from_numpy(levels).float()


def _simple(wish: Wish) -> Tensor:
    return torch.stack([wish.table.sigmas[-1 - int(index * len(wish.table) / wish.steps)] for index in range(wish.steps)])


def _ddim(wish: Wish) -> Tensor:
    """Every so-manieth level from the second on; the stride is rounded down, so that there may be more than n."""
    stride = max(len(wish.table) // wish.steps, 1)
    return wish.table.sigmas[1::stride].flip(0)


def _beta(wish: Wish) -> Tensor:
    quantile = stats.beta.ppf(1 - np.linspace(0, 1, wish.steps), wish.spacing.beta_alpha, wish.spacing.beta_beta)
    return torch.from_numpy(wish.low + quantile * (wish.high - wish.low)).float()


def _linear(wish: Wish) -> Tensor:
    """Even steps through the time of a diffusion whose beta grows linearly (Song et al. 2021, equations 32 and 33: from 0.1 to 20):
    sigma(t)^2 + 1 = exp(19.9 t^2 / 2 + 0.1 t). The ends are the model's. k-diffusion calls it get_sigmas_vp."""

    def time(sigma: float) -> float:
        return (math.sqrt(BETA_MIN**2 + 2 * (BETA_MAX - BETA_MIN) * math.log1p(sigma**2)) - BETA_MIN) / (BETA_MAX - BETA_MIN)

    t = torch.linspace(time(wish.high), time(wish.low), wish.steps, dtype=torch.float64)
    return ((BETA_MAX - BETA_MIN) / 2 * t**2 + BETA_MIN * t).expm1().sqrt()


def _cosine(wish: Wish) -> Tensor:
    """Even steps through the time of a diffusion whose alphas_cumprod fall as a squared cosine (Nichol & Dhariwal 2021, equation 17), between the model's ends:
    sigma is the tangent of an angle that falls evenly. The same curve as KL Optimal's, which ends at the lowest level, where this one goes on to 0."""
    return torch.linspace(math.atan(wish.high), math.atan(wish.low), wish.steps, dtype=torch.float64).tan()


FORMULAS: Mapping[str, Callable[[Wish], Tensor]] = {
    "Automatic": _uniform,
    "Uniform": _uniform,
    "Karras": _karras,
    "Exponential": _exponential,
    "Polyexponential": _polyexponential,
    "SGM Uniform": _sgm_uniform,
    "KL Optimal": _kl_optimal,
    "Align Your Steps": _align_your_steps,
    "Simple": _simple,
    "Normal": _normal,
    "DDIM": _ddim,
    "Beta": _beta,
    "Linear": _linear,
    "Cosine": _cosine,
}


def sigmas(schedule: str, steps: int, table: Table, spacing: Spacing, discard: bool = False, table_of_steps: str = "sd1") -> Tensor:
    """Descending noise levels, float32 on the CPU: steps + 1 of them, the last one 0 (KL Optimal ends at sigma_min; DDIM may give more).

    schedule: a name of `core.records.schedules`; "Automatic" means Uniform here (a sampler's own default is `resolved_schedule`'s business).
    discard: one step more is computed and the next-to-last level dropped. table_of_steps: family of Align Your Steps' levels.
    Spacing's sigma_min, sigma_max and rho act on the formulas that have them. Raises InvalidRequest for an unknown name or ends the wrong way round.
    """
    record = SCHEDULES.get(schedule)
    low, high = max(spacing.sigma_min or table.sigma_min, SMALLEST), spacing.sigma_max or table.sigma_max
    if low > high:
        field, way = ("spacing.sigma_min", "less than") if spacing.sigma_min else ("spacing.sigma_max", "more than")
        given, bound = (low, high) if spacing.sigma_min else (high, low)
        raise InvalidRequest(f"{field} = {given:g} is not usable: the schedule would climb.", f"Give {way} {bound:g}.", field)
    levels = OPTIMAL_LEVELS.get(table_of_steps, OPTIMAL_LEVELS["sd1"])
    count = max(steps, 1) + discard
    descending = FORMULAS[record.name](Wish(count, low, high, spacing.rho or abs(record.rho), table, spacing, levels)).float()
    descending = descending.cummin(0).values  # where the ends nearly meet, or are huge, rounding would let it climb
    if record.name != "KL Optimal":
        descending = torch.cat([descending, torch.zeros(1)])
    return without_penultimate(descending) if discard else descending


def without_penultimate(levels: Tensor) -> Tensor:
    return torch.cat([levels[:-2], levels[-1:]])


def ddim_timesteps(steps: int, trained: int = 1000) -> Tensor:
    """Ascending timesteps, int64, for the samplers that walk them. With a number of steps that does not divide 1000 there is one more."""
    walked = torch.arange(0, trained, max(trained // max(steps, 1), 1)) + 1
    return walked.clamp(0, trained - 1)


def table_for(sampler: str, table: Table) -> Table:
    """The table that a sampler's schedule is taken from: LCM knows only the 50 timesteps that it was distilled on (Luo et al. 2023)."""
    return Table(table.alphas_cumprod[19::20]) if sampler == "LCM" else table


def schedule_for(sampler: str, schedule: str, steps: int, table: Table, spacing: Spacing, table_of_steps: str = "sd1") -> Tensor:
    """`sigmas` with everything that depends on the sampler filled in: what "Automatic" means for it, its table, its habit of discarding.
    Levels that the user listed stand for themselves, and 0 behind them."""
    if spacing.sigmas:
        return torch.tensor([*spacing.sigmas, 0.0])
    record = SAMPLERS.get(sampler)
    discard = record.discard_penultimate or spacing.discard_penultimate
    if record.own_levels and schedule == "Automatic":
        levels = own_levels(record.own_levels, max(steps, 1) + discard, table)
        return without_penultimate(levels) if discard else levels
    return sigmas(resolved_schedule(record.name, schedule), steps, table_for(record.name, table), spacing, discard, table_of_steps)
