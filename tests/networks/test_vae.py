"""Pictures come out the same alone and in a batch, and the way back leads to the same latents."""

from __future__ import annotations

from pathlib import Path

import torch

from modules.catalog import cards
from modules.networks import vae
from modules.networks.checkpoint import load_parts


def test_a_batch_decodes_as_its_pictures_alone(single: Path) -> None:
    parts = load_parts(cards.checkpoint(single), torch.float32)
    latents = torch.randn(3, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    together = vae.decode(parts.networks["vae"], latents, parts.scale, torch.float32, "cpu")
    assert together.shape == (3, 3, 48, 40) and together.dtype == torch.float32
    for row in range(3):
        assert torch.equal(together[row : row + 1], vae.decode(parts.networks["vae"], latents[row : row + 1], parts.scale, torch.float32, "cpu"))
    torch.testing.assert_close(together, parts.networks["vae"].decode(latents / 0.5).sample, rtol=1e-4, atol=1e-5)


def test_encoding_takes_the_mean_or_the_given_noise(single: Path) -> None:
    parts = load_parts(cards.checkpoint(single), torch.float32)
    pixels = torch.rand(2, 3, 48, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    posterior = parts.networks["vae"].encode(pixels).latent_dist
    mean = vae.encode(parts.networks["vae"], pixels, parts.scale, torch.float32, "cpu")
    torch.testing.assert_close(mean, posterior.mean * 0.5, rtol=1e-4, atol=1e-5)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
    drawn = vae.encode(parts.networks["vae"], pixels, parts.scale, torch.float32, "cpu", noise)
    torch.testing.assert_close(drawn, (posterior.mean + posterior.std * noise) * 0.5, rtol=1e-4, atol=1e-5)
