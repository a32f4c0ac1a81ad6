"""Latents to pixels and back, one picture at a time, so that a picture has the same bits alone and in a batch. Knows no family."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor


def decode(vae: AutoencoderKL, latents: Tensor, scale: float, dtype: torch.dtype, device: str, shift: float = 0.0) -> Tensor:
    """latents [B, C, h, w] -> pixels [B, 3, 8 h, 8 w], float32 on the CPU, around -1..1 and not clamped. shift: what was taken off before scaling."""
    rows = []
    for row in latents.split(1):
        plain = row / scale + shift if shift else row / scale
        rows.append(vae.decode(plain.to(device, dtype)).sample.float().cpu())
    return torch.cat(rows)


def encode(vae: AutoencoderKL, pixels: Tensor, scale: float, dtype: torch.dtype, device: str, noise: Tensor | None = None, shift: float = 0.0) -> Tensor:
    """pixels [B, 3, H, W] in -1..1, sides multiples of 8 -> latents [B, C, H / 8, W / 8], float32 on the CPU.
    noise: standard normal, of the latents' shape, to sample the posterior with; without it its mean is taken. shift: taken off before scaling."""
    rows = []
    for index, row in enumerate(pixels.split(1)):
        posterior = vae.encode(row.to(device, dtype)).latent_dist
        mean = posterior.mean.float().cpu()
        drawn = mean if noise is None else mean + posterior.std.float().cpu() * noise[index : index + 1].cpu()
        rows.append((drawn - shift) * scale if shift else drawn * scale)
    return torch.cat(rows)
