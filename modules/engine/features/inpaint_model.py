"""What an inpainting model sees beside the latents: the mask, and the picture without what the mask hides (Rombach et al. 2022, section 4.5).
FLUX Fill sees the mask's every pixel: 64 of them to a latent.

Rule: A1111's. Where nothing is known, as in txt2img, all is masked and the picture is grey.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pixel_unshuffle

from modules.engine.feature import Feature
from modules.engine.features.once import Once
from modules.engine.relay import Relay
from modules.families.family import NetworkCall
from modules.sampling.step import Step


@dataclass(frozen=True)
class InpaintChannels(Feature):
    """beside: [1 or B, cells + C, h, w]: the mask (1 = drawn anew), then latents of the masked picture. cells: of the mask in each latent, 1 or 8 x 8."""

    beside: Tensor
    cells: int = 1
    _once: Once = field(default_factory=Once, init=False, repr=False, compare=False)

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        """A picture's rows stand side by side, one for each conditioning."""
        x = call.x
        rows = len(x) // len(self.beside)
        beside = self._once((rows, x.device, x.dtype), lambda: self.beside.repeat_interleave(rows, dim=0).to(x.device, x.dtype))
        return call._replace(beside=beside)


def blank(relay: Relay, latent: tuple[int, int, int]) -> tuple[InpaintChannels, ...]:
    """Where no picture is known; nothing for a model that sees no mask. latent: (channels, height, width)."""
    height, width = latent[1] * relay.record.multiple, latent[2] * relay.record.multiple
    return seen(relay, torch.zeros(1, 3, height, width), torch.ones(1, 1, height, width), 1.0)


def seen(relay: Relay, pixels: Tensor, mask: Tensor, weight: float) -> tuple[InpaintChannels, ...]:
    """pixels: [B, 3, H, W] in -1..1. mask: [1, 1, H, W], 1 = drawn anew. weight: how much of it is hidden, 0 to 1. Nothing for a model that sees no mask."""
    if not relay.acting.model.beside:
        return ()
    latents = relay.encode_image(torch.lerp(pixels, pixels * (1 - mask), weight))
    cells = relay.acting.model.beside - latents.shape[1]
    cut = interpolate(mask, size=latents.shape[2:]) if cells == 1 else pixel_unshuffle(mask, math.isqrt(cells))
    return (InpaintChannels(torch.cat([cut.expand(len(latents), -1, -1, -1), latents], 1), cells),)


def resized(channels: InpaintChannels, height: int, width: int) -> InpaintChannels:
    """For a start picture whose latents are resized: the mask's cells as they are, the latents as those."""
    mask, latents = channels.beside[:, : channels.cells], channels.beside[:, channels.cells :]
    size = (height, width)
    return InpaintChannels(torch.cat([interpolate(mask, size=size), interpolate(latents, size=size, mode="bilinear")], 1), channels.cells)
