"""Flow matching among samplers that were written for diffusion: its noise levels in their convention, its schedules, and the step from pure noise.

A flow model sees z = (1-s) x0 + s noise at s from 1 to 0, and answers with the velocity noise - x0 (Liu et al. 2022; Esser et al. 2024). With
x = z / (1-s) and sigma = s / (1-s) that is x = x0 + sigma noise, so every sampler that goes by sigma serves as it stands, and the schedule alone is
another. s = 1 is sigma = infinity: there x stands for the noise itself, and the step down from it is exact (docs/decisions/0009).
Knows no network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from modules.core.errors import InvalidRequest, Unsupported
from modules.core.groups.sampling import Spacing
from modules.core.records.families import FLOW_SCHEDULES
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.sampling.parameterization import Scales, Table
from modules.sampling.schedules import karras, without_penultimate
from modules.sampling.step import Ask, Denoised, Noise, Sampler, SamplerOptions, Sampling

TRAINED = 1000
"""Timesteps that a network counts to; its levels are their thousandths."""


@dataclass(frozen=True)
class Flow:
    """How a model's schedule leans towards noise. shift: a fixed factor; 0 where it grows with the picture: then `small` and `large` are
    (tokens, mu) of two sizes, and the factor is e^mu on the line through them (FLUX). usual: the schedule type that "Automatic" means.
    patch: latents of a token's side."""

    shift: float = 0.0
    small: tuple[int, float] = (256, 0.5)
    large: tuple[int, float] = (4096, 1.15)
    usual: str = "Simple"
    patch: int = 2

    def factor(self, height: int, width: int) -> float:
        """For latents of that size."""
        if self.shift:
            return self.shift
        tokens = -(-height // self.patch) * -(-width // self.patch)
        (few, low), (many, high) = self.small, self.large
        return math.exp(low + (high - low) * (tokens - few) / (many - few))

    def lowest(self) -> float:
        """The last level before 0 of schedules that go there: the first timestep's, as the reference code has it, shifted already where the shift is fixed."""
        return float(shifted(torch.tensor(1 / TRAINED, dtype=torch.float64), self.shift or 1.0))


class FlowTable(Table):
    """The levels of a flow model as a `Table`. sigmas: [1000] ascending, the last infinite. Timesteps run from 0 to 1000."""

    def __init__(self) -> None:
        self.sigmas = sigma_of(torch.arange(1, TRAINED + 1) / TRAINED)
        self.alphas_cumprod = 1 / (1 + self.sigmas**2)
        self.log_sigmas = self.sigmas.log()
        self._known = {}

    def to_sigma(self, t: Tensor | float) -> Tensor:
        return sigma_of(torch.as_tensor(t, dtype=torch.float32, device="cpu").clamp(0, TRAINED) / TRAINED)

    def to_t(self, sigma: Tensor | float, quantize: bool = False) -> Tensor:
        t = level_of(torch.as_tensor(sigma, dtype=torch.float32, device="cpu")) * TRAINED
        return t.round() if quantize else t

    def at(self, sigma: Tensor, quantize: bool = False) -> tuple[float, Scales]:
        key = float(sigma), quantize
        if key not in self._known:
            s = level_of(sigma)
            c_in = torch.ones_like(s) if sigma.isinf() else 1 / (1 + sigma)
            self._known[key] = float(self.to_t(sigma, quantize)), Scales(sigma, c_in, sigma**2 + 1, s)
        return self._known[key]


def sigma_of(s: Tensor) -> Tensor:
    """s in 0..1 -> sigma, any shape; infinity at 1."""
    return (s.double() / (1 - s.double())).float()


def level_of(sigma: Tensor) -> Tensor:
    """sigma -> s in 0..1, any shape."""
    return torch.where(sigma.isinf(), 1.0, (sigma.double() / (1 + sigma.double())).nan_to_num()).float()


def shifted(s: Tensor, factor: float) -> Tensor:
    """Esser et al. 2024, equation 23: levels of a larger picture that are as noisy."""
    return factor * s / (1 + (factor - 1) * s)


def flow_sigmas(sampler: str, schedule: str, steps: int, flow: Flow, size: tuple[int, int], spacing: Spacing) -> Tensor:
    """Descending sigmas, float32 on the CPU: steps + 1 of them, the last one 0. size: (height, width) of the latents. What the user gives as levels is the
    model's own s. Raises Unsupported for a schedule type that means nothing here, InvalidRequest for levels beyond 1."""
    if spacing.sigmas:
        if max(spacing.sigmas) > 1:
            what = f"The level {max(spacing.sigmas):g} is too high: this model's levels run from 1 (noise) to 0."
            raise InvalidRequest(what, "Give levels such as 1, 0.9, 0.75, 0.5, 0.25.", "spacing.sigmas")
        return sigma_of(torch.tensor([*spacing.sigmas, 0.0], dtype=torch.float64))
    name = SCHEDULES.get(schedule).name
    if name not in FLOW_SCHEDULES:
        what = f"The schedule type {name} is a formula for diffusion models; this one learnt by flow matching."
        raise Unsupported(what, f"Choose one of {', '.join(FLOW_SCHEDULES)}.", "schedule")
    name = flow.usual if name == "Automatic" else name
    discard = SAMPLERS.get(sampler).discard_penultimate or spacing.discard_penultimate
    count = max(steps, 1) + discard
    low, high = spacing.sigma_min or flow.lowest(), min(spacing.sigma_max or 1.0, 1.0)
    if low > high:
        field = "spacing.sigma_min" if spacing.sigma_min else "spacing.sigma_max"
        raise InvalidRequest(f"{field} = {low if spacing.sigma_min else high:g} is not usable: the schedule would climb.", "Give ends between 0 and 1.", field)
    factor = spacing.shift or flow.factor(*size)
    levels = torch.cat([_levels(name, count, low, high, factor, spacing), torch.zeros(1, dtype=torch.float64)])
    return sigma_of(without_penultimate(levels) if discard else levels)


def _levels(name: str, count: int, low: float, high: float, factor: float, spacing: Spacing) -> Tensor:
    """s from `high` down, [count], float64. Karras and Exponential space what the shift has made of the ends, as diffusers' flow schedulers have it."""
    if name in ("Karras", "Exponential"):
        bottom, top = (float(shifted(torch.tensor(end, dtype=torch.float64), factor)) for end in (low, high))
        if name == "Karras":
            return karras(count, bottom, top, spacing.rho or 7.0).double().clamp(max=top)
        return torch.linspace(math.log(top), math.log(bottom), count, dtype=torch.float64).exp().clamp(max=top)
    if name == "Beta":
        times = torch.from_numpy(low + stats.beta.ppf(1 - np.linspace(0, 1, count), spacing.beta_alpha, spacing.beta_beta) * (high - low))
    elif name == "Simple":
        times = high * torch.linspace(1, 1 / count, count, dtype=torch.float64)
    elif name == "SGM Uniform":
        times = torch.linspace(high, low, count + 1, dtype=torch.float64)[:-1]
    else:
        times = torch.linspace(high, low, count, dtype=torch.float64)
    return shifted(times, factor)


def from_pure_noise(sampler: Sampler, x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
    """The sampler on a schedule that may begin at infinity, where x is the noise: the first step gives clean latents and that noise at the next level,
    which is what every method's first step is there; from then on it is the sampler's own. A finite schedule is left to it whole."""
    if not bool(sigmas[0].isinf()):
        return (yield from sampler(x, sigmas, noise, options))
    first = yield Ask(x, sigmas[0], 0)
    if sigmas[1] == 0:
        return first.x0
    rest = sampler(first.x0 + first.x * sigmas[1].to(x.device), sigmas[1:], noise, options)
    answer: Denoised | None = None
    while True:
        try:
            ask = rest.send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            return torch.as_tensor(end.value)
        answer = yield Ask(ask.x, ask.sigma, ask.step + 1)
