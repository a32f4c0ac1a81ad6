"""What a denoising network is to answer at a noise level, and how much a mistake there weighs. Knows no network and no data.

Sources: Ho et al. 2020 (eps), Salimans & Ho 2022 (v), Liu et al. 2022 and Esser et al. 2024 (flow, levels from a logit-normal), Hang et al. 2023
(min-SNR), Guttenberg 2023 (offset noise).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from modules.families.family import Prediction
from modules.sampling.flow import TRAINED, shifted
from modules.training.order import Draw


class Noised(NamedTuple):
    """x: what the network sees, [B, C, h, w]. timesteps: [B]. target: what it is to answer. weights: [B]."""

    x: Tensor
    timesteps: Tensor
    target: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Objective:
    """alphas_cumprod: [n] float32; empty for flow. shift: of flow. min_snr: gamma, 0 for none. offset: of the noise."""

    prediction: Prediction
    alphas_cumprod: Tensor
    shift: float = 1.0
    min_snr: float = 0.0
    offset: float = 0.0

    def noised(self, latents: Tensor, draws: Sequence[Draw], fixed: Sequence[float] = ()) -> Noised:
        """latents: [B, C, h, w] float32 on the CPU. Each sample's chances come from its own seed, the timesteps spread evenly over a step's samples.
        fixed: noise levels from 0 to 1, [B], in place of drawn ones."""
        shares, noises = [], []
        for latent, draw in zip(latents, draws, strict=True):
            dice = torch.Generator().manual_seed(draw.seed)
            shares.append((draw.place + float(torch.rand((), generator=dice))) / draw.of)
            noise = torch.randn(latent.shape, generator=dice)
            if self.offset:
                noise = noise + self.offset * torch.randn(latent.shape[0], 1, 1, generator=dice)
            noises.append(noise)
        level = torch.tensor(list(fixed) or shares, dtype=torch.float64)
        return self.at(latents, torch.stack(noises), level)

    def at(self, latents: Tensor, noise: Tensor, share: Tensor) -> Noised:
        """share: [B], 0 to 1, of the range of noise levels, evenly."""
        if self.prediction == "flow":
            normal = torch.special.ndtri(share.clamp(1e-6, 1 - 1e-6))
            s = shifted(torch.sigmoid(normal), self.shift).float()
            wide = s.view(-1, 1, 1, 1)
            return Noised((1 - wide) * latents + wide * noise, s * TRAINED, noise - latents, torch.ones_like(s))
        steps = (share * len(self.alphas_cumprod)).long().clamp(0, len(self.alphas_cumprod) - 1)
        kept = self.alphas_cumprod[steps]
        a, b = kept.sqrt().view(-1, 1, 1, 1), (1 - kept).sqrt().view(-1, 1, 1, 1)
        target = {"eps": noise, "v": a * noise - b * latents, "x0": latents}[self.prediction]
        return Noised(a * latents + b * noise, steps, target, self._weights(kept))

    def _weights(self, kept: Tensor) -> Tensor:
        """min(SNR, gamma), divided by what the loss of this prediction already weighs."""
        if not self.min_snr:
            return torch.ones_like(kept)
        snr = kept / (1 - kept)
        least = snr.clamp(max=self.min_snr)
        return least / {"eps": snr, "v": snr + 1, "x0": torch.ones_like(snr)}[self.prediction]
