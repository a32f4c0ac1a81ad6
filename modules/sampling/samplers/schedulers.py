"""Samplers for which diffusers' scheduler classes are the reference, driven as generators by one adapter: DDPM, DEIS, TCD, IPNDM, SA-Solver.

A class computes its steps; everything around them is ours. The levels are the schedule's, because what the classes lay out themselves is rounded to whole
timesteps and some step counts crash; the noise is the pictures' own, because some classes take no generator and none takes NVIDIA's; the clean latents are the
guided ones that the engine answers with, so models that predict eps, v or x0 are all the same here. A level that a schedule repeats is walked once.

The classes keep latents "variance preserving", z = x / sqrt(1 + sigma^2); so a run ends with the z that a pipeline would decode (at level 0, x itself).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDPMScheduler, DEISMultistepScheduler, IPNDMScheduler, SASolverScheduler, TCDScheduler
from torch import Tensor
from torch.overrides import TorchFunctionMode

from modules.sampling.parameterization import Table, c_in
from modules.sampling.samplers.levels import table_of
from modules.sampling.step import Ask, Denoised, Noise, Sampler, SamplerOptions, Sampling

TAU = (200, 800)
"""Timesteps between which SA-Solver adds noise; the class's own window."""


@dataclass(frozen=True)
class Course:
    """A class laid out for one run. levels: [n+1] descending, float32 on the CPU, each once; all but the last are asked at. timesteps: n, what `step` is told.
    arguments: further ones of `step`."""

    scheduler: Any
    levels: Tensor
    timesteps: Tensor
    arguments: Mapping[str, Any]


Lay = Callable[[Tensor, Table, float], Course]
"""(levels, the model's table, eta in 0..1) -> the course."""


class DrawnFrom(TorchFunctionMode):
    """Within it, whatever calls torch.randn in this thread gets the pictures' own next draw."""

    def __init__(self, noise: Noise) -> None:
        super().__init__()
        self._noise = noise

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        return self._noise().to(kwargs["dtype"]) if func is torch.randn else func(*args, **kwargs)


def driven(lay: Lay, reaches_zero: bool = True, velocity: bool = False) -> Sampler:
    """A sampler out of a class. reaches_zero: it can step to level 0; for others that step gives the clean latents, which is where all of them tend.
    velocity: it wants alpha eps - sigma x0, not x0. One call a step."""

    def sampler(x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling:
        sigmas = sigmas.detach().cpu().float()
        kept = [index for index in range(len(sigmas)) if index == 0 or sigmas[index] != sigmas[index - 1]]
        if len(kept) < 2:
            return x
        course = lay(sigmas[kept], table_of(options), min(options.eta, 1.0))
        z = x * c_in(sigmas[0])
        walk = zip(kept, course.levels, course.levels[1:], course.timesteps, strict=False)
        for index, level, following, timestep in walk:
            answer = yield Ask(z / c_in(level), level, index)
            if following == 0 and not reaches_zero:
                return answer.x0
            given = velocity_of(answer, level) if velocity else answer.x0
            with DrawnFrom(noise):
                z = course.scheduler.step(given, timestep, answer.x * c_in(level), **course.arguments).prev_sample
        return z

    return sampler


def velocity_of(answer: Denoised, level: Tensor) -> Tensor:
    """Salimans & Ho 2022, appendix D."""
    return c_in(level) * ((answer.x - answer.x0) / level - level * answer.x0)


def alphas_at(levels: Tensor) -> Tensor:
    """alphas_cumprod at noise levels."""
    return (1 / (1 + levels.double() ** 2)).float()


def lay_ddpm(levels: Tensor, table: Table, eta: float) -> Course:
    """Ho et al. 2020, algorithm 2, between the levels of the schedule alone: to the class they are a model's whole table (Nichol & Dhariwal 2021, section 4)."""
    scheduler = DDPMScheduler(num_train_timesteps=len(levels), prediction_type="sample", clip_sample=False, variance_type="fixed_small")
    scheduler.alphas_cumprod = alphas_at(levels).flip(0)
    return Course(scheduler, levels, torch.arange(len(levels) - 1, 0, -1), {})


def lay_deis(levels: Tensor, table: Table, eta: float) -> Course:
    """Zhang & Chen 2022, log-rho variant, order 2."""
    return _multistep(DEISMultistepScheduler(prediction_type="sample"), levels, table)


def lay_sa_solver(levels: Tensor, table: Table, eta: float) -> Course:
    """Xue et al. 2023, predictor and corrector of order 2. eta: the paper's tau within TAU; 0 makes it an ODE solver."""
    scheduler = SASolverScheduler(prediction_type="sample")
    scheduler.tau_func = lambda timestep: eta if TAU[0] <= timestep <= TAU[1] else 0.0
    return _multistep(scheduler, levels, table)


def _multistep(scheduler: Any, levels: Tensor, table: Table) -> Course:
    timesteps = table.to_t(levels[:-1])
    scheduler.sigmas, scheduler.timesteps, scheduler.num_inference_steps = levels, timesteps, len(timesteps)
    scheduler.set_begin_index(0)
    return Course(scheduler, levels, timesteps, {})


def lay_tcd(levels: Tensor, table: Table, eta: float) -> Course:
    """Zheng et al. 2024, "Trajectory consistency distillation", algorithm 3; eta is the paper's gamma. Asks at whole timesteps: those nearest to the levels."""
    timesteps = table.to_t(levels[levels > 0], quantize=True).long().unique().flip(0)
    asked = timesteps[:-1] if levels[-1] > 0 else timesteps
    known = timesteps if timesteps[-1] > 0 else asked  # of itself the class ends at timestep 0
    scheduler = TCDScheduler(prediction_type="sample")
    scheduler.alphas_cumprod, scheduler.timesteps, scheduler.num_inference_steps = table.alphas_cumprod, known, len(known)
    scheduler.set_begin_index(0)
    return Course(scheduler, torch.cat([table.sigmas[asked], levels[-1:]]), asked, {"eta": eta})


def lay_ipndm(levels: Tensor, table: Table, eta: float) -> Course:
    """Zhang & Chen 2022, improved PNDM: Adams-Bashforth up to order 4 on eps, with the weights of even steps. The class's own levels are another model's."""
    scheduler = IPNDMScheduler()
    scheduler.alphas, scheduler.betas = c_in(levels), levels * c_in(levels)
    scheduler.timesteps, scheduler.num_inference_steps = table.to_t(levels[:-1]), len(levels) - 1
    scheduler.set_begin_index(0)
    return Course(scheduler, levels, scheduler.timesteps, {})


ddpm = driven(lay_ddpm)
deis = driven(lay_deis, reaches_zero=False)
tcd = driven(lay_tcd)
ipndm = driven(lay_ipndm, velocity=True)
sa_solver = driven(lay_sa_solver, reaches_zero=False)
