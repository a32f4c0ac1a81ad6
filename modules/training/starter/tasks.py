"""What the starter model's networks learn, as the loop wants it: the autoencoder by itself, then the UNet together with its text encoder.

A batch's noise comes from one generator on the device, begun with the seed of its first sample: quick, and the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from modules.prompt.vocabulary import Vocabulary
from modules.training.material import Batch
from modules.training.order import seed_of
from modules.training.starter.data import LONG, step_of
from modules.training.starter.vocabulary import LENGTH, rows

BETA = 5e-4
"""Of the KL term, against the mean over all numbers of a latent."""
SCALES = 3
"""Sizes at which pictures are compared, each half the one before."""


class Sharp:
    """The autoencoder, by what a person sees: L1 at several sizes, L1 of the differences between neighbours, squares, and as much KL as keeps latents near a normal
    distribution (Kingma & Welling 2014; Rombach et al. 2022). module: an AutoencoderKL."""

    def __init__(self, module: nn.Module, rate: float, device: str) -> None:
        self.module, self.rate, self.device = module.to(device).requires_grad_(True), rate, device

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": self.module.parameters(), "rate": self.rate}]

    def losses(self, batch: Batch) -> Tensor:
        pixels = batch.x.to(self.device)
        posterior = self.module.encode(pixels).latent_dist  # type: ignore[operator]
        mean, std = posterior.mean.float(), posterior.std.float()
        noise = torch.randn(mean.shape, generator=_generator(batch, self.device), device=self.device)
        out = self.module.decode(mean + std * noise).sample.float()  # type: ignore[operator]
        kl = 0.5 * (mean**2 + std**2 - 1 - posterior.logvar.float()).flatten(1).mean(1)
        return (difference(out, pixels) + BETA * kl) * batch.weights.to(self.device)

    def compare(self, batch: Batch) -> tuple[Tensor, Tensor]:
        pixels = batch.x.to(self.device)
        return self.module.decode(self.module.encode(pixels).latent_dist.mean).sample.float(), pixels  # type: ignore[operator]


def difference(one: Tensor, other: Tensor) -> Tensor:
    """Of pictures [B, 3, H, W] -> [B]."""
    total = 2 * (one - other).square().flatten(1).mean(1)
    for _ in range(SCALES):
        away = one - other
        total = total + away.abs().flatten(1).mean(1)
        total = total + away.diff(dim=2).abs().flatten(1).mean(1) + away.diff(dim=3).abs().flatten(1).mean(1)
        one, other = nn.functional.avg_pool2d(one, 2), nn.functional.avg_pool2d(other, 2)
    return total


class Painting:
    """The denoiser with its text encoder: v-prediction (Salimans & Ho 2022) with captions left out now and then (Ho & Salimans 2022). module: a ModuleDict of both.
    alphas_cumprod: [1000]. short: tokens of a text until the last part of the steps."""

    def __init__(
        self, module: nn.ModuleDict, vocabulary: Vocabulary, alphas_cumprod: Tensor, rate: float, steps: int, short: int, dropout: float, device: str
    ) -> None:
        self.module, self.rate, self.device = module.to(device), rate, device
        self.alphas_cumprod, self.steps, self.short, self.dropout = alphas_cumprod.to(device), steps, short, dropout
        self._rows = lru_cache(maxsize=200_000)(lambda text, length: rows([text], vocabulary, length)[0])
        module.requires_grad_(True)
        module["text_encoder"].get_parameter("final_layer_norm.bias").requires_grad_(False)  # A1111's emphasis divides by the mean that it holds off nought

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": [weight for weight in self.module.parameters() if weight.requires_grad], "rate": self.rate}]

    def losses(self, batch: Batch) -> Tensor:
        captions = [
            "" if seed_of(draw.seed, "caption") % 2**32 < self.dropout * 2**32 else text for text, draw in zip(batch.captions, batch.draws, strict=True)
        ]
        length = self.short if step_of(batch.draws[0]) < self.steps * (1 - LONG) else LENGTH
        prediction, target = self._answer(batch, captions, length)
        return (prediction - target).square().flatten(1).mean(1) * batch.weights.to(self.device)

    def compare(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self._answer(batch, batch.captions, LENGTH)

    def context(self, captions: Sequence[str], length: int = LENGTH) -> Tensor:
        """-> [B, length, D]"""
        tokens = torch.stack([self._rows(text, length) for text in captions]).to(self.device)
        found: Tensor = self.module["text_encoder"](input_ids=tokens).last_hidden_state
        return found

    def _answer(self, batch: Batch, captions: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        x0, dice = batch.x.to(self.device), _generator(batch, self.device)
        noise = torch.randn(x0.shape, generator=dice, device=self.device)
        places = torch.tensor([draw.place / draw.of for draw in batch.draws], device=self.device)
        within = torch.rand(len(places), generator=dice, device=self.device) / batch.draws[0].of
        steps = ((places + within) * len(self.alphas_cumprod)).long().clamp(0, len(self.alphas_cumprod) - 1)
        kept = self.alphas_cumprod[steps].view(-1, 1, 1, 1)
        noised, target = kept.sqrt() * x0 + (1 - kept).sqrt() * noise, kept.sqrt() * noise - (1 - kept).sqrt() * x0
        answer: Tensor = self.module["unet"](noised, steps, encoder_hidden_states=self.context(captions, length)).sample
        return answer.float(), target


def _generator(batch: Batch, device: str) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed_of(batch.draws[0].seed, "noise"))
