"""TAESD (O. B. Bohan 2023): a small decoder that turns latents into a picture at once, for looking while a picture is made. Knows no family.

Takes the decoder alone, as A1111 keeps it, or diffusers' AutoencoderTiny. Latents are those that the denoising network sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from modules.core.errors import BadModelFile
from modules.networks import build
from modules.networks.weights import Weights

RAW, DIFFUSERS = "1.weight", "decoder.layers.0.weight"
"""The first layer's name in either layout; in the former a layer without weights stands before it."""


@dataclass(frozen=True)
class Decoder:
    """channels: of the latents. size: in bytes."""

    network: nn.Module
    channels: int
    size: int

    def pixels(self, latents: Tensor, most: int) -> Tensor:
        """[C, h, w] -> [3, 8 h, 8 w], about -1..1, float32, where the decoder is. most: of latents a side; larger ones are shrunk first."""
        weights = next(self.network.parameters())
        row = latents[None].to(weights.device, weights.dtype)
        scale = most / max(row.shape[2:])
        if scale < 1:
            row = interpolate(row, scale_factor=scale, mode="area", recompute_scale_factor=True)
        with torch.no_grad():
            found: Tensor = self.network(row)[0].float()
        return found


def image(pixels: Tensor) -> Image.Image:
    """Decoded pixels as a picture, RGB. Raises ValueError where there are no numbers."""
    if not pixels.isfinite().all():
        raise ValueError("a preview without numbers")
    return Image.fromarray(pixels.add(1).div(2).clamp(0, 1).mul(255).permute(1, 2, 0).byte().cpu().numpy())


def load(path: Path, device: str, dtype: torch.dtype, name: str) -> Decoder:
    """name: of the file, for errors. Raises BadModelFile for what is no such decoder."""
    weights = Weights([path])
    first = next((one for one in (RAW, DIFFUSERS) if len(weights.shapes.get(one, ())) == 4), None)
    if first is None:
        raise BadModelFile(f"{name} is no decoder of TAESD.", "Take taesd_decoder, or diffusers' taesd.")
    channels = weights.shapes[first][1]
    with torch.device("meta"):
        network = AutoencoderTiny(latent_channels=channels).decoder

    def inside(ours: str) -> str:
        if first == DIFFUSERS:
            return f"decoder.{ours}"
        _, number, rest = ours.split(".", 2)
        return f"{int(number) + 1}.{rest}"

    build.fill(network, weights, inside, dtype, "decoder")
    network.to(device)
    return Decoder(network, channels, sum(tensor.nbytes for tensor in network.parameters()))
