"""Latents to pixels and back, one picture at a time, so that a picture has the same bits alone and in a batch. Knows no family."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor

from modules.networks import vae_tiles


def decode(vae: AutoencoderKL, latents: Tensor, scale: float, dtype: torch.dtype, device: str, shift: float = 0.0, tiled: bool = False) -> Tensor:
    """latents [B, C, h, w] -> pixels [B, 3, 8 h, 8 w], float32 on the CPU, around -1..1 and not clamped. shift: what was taken off before scaling.
    tiled: tile by tile, where a picture is larger than one."""
    rows = []
    for row in latents.split(1):
        plain = (row / scale + shift if shift else row / scale).to(device, dtype)
        if tiled and vae_tiles.needed(*plain.shape[-2:]):
            made = vae_tiles.through(vae, plain, lambda tile: vae.decode(tile).sample, 1, factor(vae))
        else:
            made = vae.decode(plain).sample
        rows.append(made.float().cpu())
    return torch.cat(rows)


def encode(
    vae: AutoencoderKL, pixels: Tensor, scale: float, dtype: torch.dtype, device: str, noise: Tensor | None = None, shift: float = 0.0, tiled: bool = False
) -> Tensor:
    """pixels [B, 3, H, W] in -1..1, sides multiples of 8 -> latents [B, C, H / 8, W / 8], float32 on the CPU.
    noise: standard normal, of the latents' shape, to sample the posterior with; without it its mean is taken. shift: taken off before scaling.
    tiled: as in `decode`."""
    rows = []
    for index, row in enumerate(pixels.split(1)):
        given = row.to(device, dtype)
        if tiled and vae_tiles.needed(*(side // factor(vae) for side in given.shape[-2:])):
            spread = vae_tiles.through(vae, given, lambda tile: vae.encode(tile).latent_dist.parameters, factor(vae), 1)
            posterior = DiagonalGaussianDistribution(spread)
        else:
            posterior = vae.encode(given).latent_dist
        mean = posterior.mean.float().cpu()
        drawn = mean if noise is None else mean + posterior.std.float().cpu() * noise[index : index + 1].cpu()
        rows.append((drawn - shift) * scale if shift else drawn * scale)
    return torch.cat(rows)


def factor(vae: AutoencoderKL) -> int:
    """Pixels that a latent measures."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))
