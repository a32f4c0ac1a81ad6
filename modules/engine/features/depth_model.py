"""What a depth-to-image model sees beside the latents: how near each part of the picture is (Stability AI's stable-diffusion-2-depth).

Rule: A1111's. One channel of the latents' size, the nearest at 1, the farthest at -1. A map is given, or made by a network of the
user's (`engine.depths`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from modules.core.errors import Unsupported
from modules.engine.feature import Feature
from modules.engine.features.once import Once
from modules.families.family import NetworkCall
from modules.sampling.step import Step

CHANNELS = 1


@dataclass(frozen=True)
class DepthChannel(Feature):
    """beside: [1, 1, h, w] in -1..1."""

    beside: Tensor
    _once: Once = field(default_factory=Once, init=False, repr=False, compare=False)

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        x = call.x
        beside = self._once((x.device, x.dtype), lambda: self.beside.to(x.device, x.dtype))
        return call._replace(beside=beside.expand(len(x), -1, -1, -1))


def shown(image: Image.Image, height: int, width: int) -> tuple[DepthChannel, ...]:
    """image: a depth map, bright where something is near. height, width: of the latents."""
    depth = torch.from_numpy(np.asarray(image.convert("L"), np.float32).copy())[None, None]
    return (DepthChannel(spread(interpolate(depth, size=(height, width), mode="bicubic", align_corners=False))),)


def resized(channel: DepthChannel, height: int, width: int) -> DepthChannel:
    """For a pass of another size."""
    return DepthChannel(spread(interpolate(channel.beside, size=(height, width), mode="bicubic", align_corners=False)))


def spread(depth: Tensor) -> Tensor:
    """From its least to -1 and from its greatest to 1; a flat map says nothing."""
    low, high = depth.aminmax()
    return 2 * (depth - low) / (high - low) - 1 if high > low else torch.zeros_like(depth)


def no_map(name: str) -> Unsupported:
    return Unsupported(
        f"{name} draws after a depth map, and there is none.",
        "Give a depth map, bright where something is near, or a start picture with a DPT or Depth Anything network in models/annotators.",
        "init.depth",
    )
