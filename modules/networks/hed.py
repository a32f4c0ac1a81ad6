"""HED (Xie & Tu 2015), edges by a VGG that is asked at each of its five scales, as ControlNet's soft edges were made: ControlNetHED.pth.

Names of the tensors and the picture's range (RGB, 0 to 255, a mean of its own taken off) are that file's; the widths are read from it. Knows no file.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

SCALES = 5
Shapes = Mapping[str, tuple[int, ...]]


class _Scale(nn.Module):
    """convs: 3 x 3, as many as the file has. projection: to one channel of edges."""

    def __init__(self, widths: list[tuple[int, int]]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(inside, outside, 3, padding=1) for inside, outside in widths)
        self.projection = nn.Conv2d(widths[-1][1], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = relu(conv(x))
        return x


class HED(nn.Module):
    """RGB [1, 3, H, W] in 0..1 -> edges [H, W] in 0..1."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.blocks = nn.ModuleList(_Scale(_widths(shapes, number)) for number in range(1, SCALES + 1))

    def forward(self, pixels: Tensor) -> Tensor:
        x = pixels * 255 - self.norm
        edges = []
        for number, block in enumerate(self.blocks):
            assert isinstance(block, _Scale)
            x = block(max_pool2d(x, 2) if number else x)
            edges.append(interpolate(block.projection(x), pixels.shape[-2:], mode="bilinear", align_corners=False))
        return torch.stack(edges).mean(0).sigmoid()[0, 0]


def filed(name: str) -> str:
    """The name in memory -> in the file, which counts from 1."""
    if not name.startswith("blocks."):
        return name
    _, number, rest = name.split(".", 2)
    return f"block{int(number) + 1}.{rest}"


def _widths(shapes: Shapes, block: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while (name := f"block{block}.convs.{len(found)}.weight") in shapes:
        outside, inside = shapes[name][:2]
        found.append((inside, outside))
    return found
