"""What a sampler will ask for, learnt by running it dry: no model, no noise, one latent. Knows no sampler in particular."""

from __future__ import annotations

import torch
from torch import Tensor

from modules.sampling.step import Ask, Denoised, Sampler, SamplerOptions, Step, drive


class Silence:
    """A `Noise` that is nought."""

    def __call__(self) -> Tensor:
        return torch.zeros(1, 1, 1, 1)

    def brownian(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        return torch.zeros(1, 1, 1, 1)


def rehearse(sampler: Sampler, sigmas: Tensor, options: SamplerOptions) -> list[Ask]:
    """Every ask in order: how many there are, at which levels and in which steps. x starts as 1, so the first ask's x is what the sampler multiplies it by.

    Says nothing of a sampler that chooses its levels by what it sees (`SamplerRecord.alone`).
    """
    asks: list[Ask] = []

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        asks.append(Ask(x, sigma, step.index))
        return Denoised(torch.zeros_like(x), torch.zeros_like(x), x)

    drive(sampler(torch.ones(1, 1, 1, 1), sigmas, Silence(), options), denoise, Step())
    return asks
