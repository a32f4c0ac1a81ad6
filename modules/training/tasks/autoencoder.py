"""The autoencoder (Kingma & Welling 2014; Rombach et al. 2022): L1 + perceptual + beta * KL between what goes in and what comes out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from modules.core.training import Loss
from modules.training.material import Batch
from modules.training.order import seed_of
from modules.training.perceptual import Perceptual


class Autoencoding:
    """module: an AutoencoderKL. Batches hold pixels."""

    def __init__(self, module: nn.Module, rate: float, loss: Loss, device: str) -> None:
        self.module, self.rate, self.loss, self.device = module, rate, loss, device
        self.perceptual = Perceptual().to(device)

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": self.module.parameters(), "rate": self.rate}]

    def losses(self, batch: Batch) -> Tensor:
        pixels = batch.x.to(self.device)
        posterior = self.module.encode(pixels).latent_dist  # type: ignore[operator]
        noise = torch.stack([torch.randn(posterior.mean.shape[1:], generator=torch.Generator().manual_seed(seed_of(draw.seed, "z"))) for draw in batch.draws])
        out = self.module.decode(posterior.mean + posterior.std * noise.to(posterior.mean)).sample.float()  # type: ignore[operator]
        kl = 0.5 * (posterior.mean.float() ** 2 + posterior.var.float() - 1 - posterior.logvar.float()).flatten(1).mean(1)
        total = (out - pixels).abs().flatten(1).mean(1) + self.loss.beta * kl
        if self.loss.perceptual:
            total = total + self.loss.perceptual * self.perceptual(out, pixels)
        return total * batch.weights.to(total.device)

    def compare(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The picture as it comes back from the mean of its latents."""
        pixels = batch.x.to(self.device)
        return self.module.decode(self.module.encode(pixels).latent_dist.mean).sample.float(), pixels  # type: ignore[operator]
