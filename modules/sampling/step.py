"""The joints of the sampling world: what a sampler is, what it asks for, and what it is answered. Nothing here computes.

A sampler is a generator. It yields `Ask`s and never calls anything; whoever drives it (the engine's loop, or the diffusers scheduler face) answers
each with a `Denoised` and gets the final latents as the generator's return value.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Ask(NamedTuple):
    """Wanted: the denoised latents of `x` at noise level `sigma` (k-diffusion's convention: x = x0 + sigma * noise).

    x: [B, C, H, W]. sigma: a scalar tensor on the CPU (float32). step: index of the schedule step this call belongs to, for progress.
    """

    x: Tensor
    sigma: Tensor
    step: int


class Denoised(NamedTuple):
    """x0: guided prediction of the clean latents. uncond: the unguided one (for CFG++). x: the input as the wrappers left it
    (A1111's DDIM family blends an inpaint mask into the network's input, and the sampler must go on from there). All [B, C, H, W]."""

    x0: Tensor
    uncond: Tensor
    x: Tensor


@dataclass(slots=True)  # one is made for each call, and a frozen one takes five times as long
class Step:
    """call: denoiser calls so far in this stage, from 0 (A1111's prompt schedules and NGMS go by it); calls: expected in all.
    index of total: schedule step, for progress. offset: steps of the passes before this one (hires)."""

    call: int = 0
    calls: int = 1
    index: int = 0
    total: int = 1
    offset: int = 0


Denoise = Callable[[Tensor, Tensor, Step], Denoised]
"""(x, sigma, step) -> Denoised: the one joint between samplers and models."""

Sampling = Generator[Ask, Denoised, Tensor]


class Noise(Protocol):
    """The source of all noise of a batch: one stream for each picture, so that a picture is the same alone and in a batch."""

    def __call__(self) -> Tensor:
        """The next draw, standard normal, [B, C, H, W]."""

    def brownian(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """Unit-variance increment of the pictures' Brownian paths between two noise levels, [B, C, H, W]."""


class Sampler(Protocol):
    """What `sampling.samplers` holds under each sampler's name: a function that starts the generator."""

    def __call__(self, x: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> Sampling: ...


@dataclass(frozen=True)
class SamplerOptions:
    """eta: fresh noise (None = the sampler's default was already filled in by the caller). churn, tmin, tmax (inf allowed), noise: Karras et al. 2022, algorithm 2.
    alphas_cumprod: [1000] float32 on the CPU, the model's own table, for samplers that walk timesteps. timesteps: int64, ascending, what those walk.
    steps: as the user asked. sigma_range: (smallest positive, largest) of the whole schedule, before an img2img cut."""

    eta: float = 1.0
    churn: float = 0.0
    tmin: float = 0.0
    tmax: float = float("inf")
    noise: float = 1.0
    steps: int = 20
    alphas_cumprod: Tensor | None = None
    timesteps: Tensor | None = None
    sigma_range: tuple[float, float] = (0.0292, 14.6146)


def drive(sampling: Sampling, denoise: Denoise, step: Step) -> Tensor:
    """Runs a sampler to its end."""
    answer: Denoised | None = None
    call = step.call
    try:
        while True:
            ask = sampling.send(answer)  # type: ignore[arg-type]
            answer = denoise(ask.x, ask.sigma, Step(call, step.calls, ask.step, step.total, step.offset))
            call += 1
    except StopIteration as end:
        return torch.as_tensor(end.value)
