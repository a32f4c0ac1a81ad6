"""Moves between noise levels that the samplers share. Levels are 0-dim tensors on the CPU, so that no arithmetic waits for a device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from modules.sampling.parameterization import Table, scaled_linear
from modules.sampling.step import Denoised, Noise, SamplerOptions

MOST_CHURN = 2**0.5 - 1
"""Karras et al. 2022, algorithm 2: no step may add more new noise than there is."""


def steps_of(sigmas: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(index, sigma, sigma_next) of each step of a schedule [n+1]."""
    levels = sigmas.detach().cpu().unbind()
    return ((index, sigma, sigma_next) for index, (sigma, sigma_next) in enumerate(zip(levels, levels[1:], strict=False)))


def widths_of(sigmas: Tensor) -> Sequence[Tensor]:
    """sigma_next - sigma of each step of a schedule [n+1], worked out at once."""
    return sigmas.detach().cpu().diff().unbind()


def table_of(options: SamplerOptions) -> Table:
    """The model's own timesteps and levels; Stable Diffusion's where the caller gave none."""
    return Table(options.alphas_cumprod if options.alphas_cumprod is not None else scaled_linear())


def slope(answer: Denoised, sigma: Tensor) -> Tensor:
    """dx/dsigma of the probability-flow ODE, which is the noise that the model sees in x (Karras et al. 2022, equation 1 with sigma = t)."""
    return (answer.x - answer.x0) / sigma


def ancestral(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """(down, up): walk without noise to `down`, then add noise of strength `up`, and sigma_next is reached.

    eta 1 adds what DDPM adds (Song et al. 2020, DDIM, equation 16); 0 nothing. `up` never exceeds sigma_next.
    """
    if eta == 0:
        return sigma_next, torch.zeros_like(sigma)
    ddpm = (sigma_next**2 * (sigma**2 - sigma_next**2).clamp(min=0) / sigma**2) ** 0.5
    up = torch.minimum(sigma_next, eta * ddpm)
    return (sigma_next**2 - up**2) ** 0.5, up


def churned(x: Tensor, sigma: Tensor, sigmas: Tensor, noise: Noise, options: SamplerOptions) -> tuple[Tensor, Tensor]:
    """(x, sigma) with new noise mixed in on the way up (Karras et al. 2022, algorithm 2, lines 4 to 6). sigmas: the whole schedule.

    A draw is taken also outside of the limits: k-diffusion's samplers do, and the pictures' streams must stay in step with theirs.
    """
    if options.churn == 0:  # nothing will ever be made of the draws, for these samplers draw for nothing else
        return x, sigma
    fresh = noise() * options.noise
    gamma = min(options.churn / (len(sigmas) - 1), MOST_CHURN) if options.tmin <= sigma <= options.tmax else 0.0
    if gamma == 0:
        return x, sigma
    higher = sigma * (gamma + 1)
    return x + fresh * (higher**2 - sigma**2) ** 0.5, higher
