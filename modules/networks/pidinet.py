"""PiDiNet (Su et al. 2021), "Pixel Difference Networks for Efficient Edge Detection": edges by convolutions over differences of pixels. table5_pidinet.pth.

The published network takes its kinds of difference in turns (central, angular, radial, none), with dilated modules and attention on each of four scales. A
convolution over differences is one over pixels with another kernel, which is made of the kept one here. Names and the picture's form (BGR in 0..1) are the
file's; the widths are read from it. Knows no file.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, max_pool2d, relu

Shapes = Mapping[str, tuple[int, ...]]
TURNS = ("central", "angular", "radial", "plain")
"""The kind of difference of each layer in turn; the entrance is the first."""
STAGES = (3, 4, 4, 4)
"""Blocks on each scale."""
DILATIONS = (5, 7, 9, 11)
CLOCKWISE = (3, 0, 1, 6, 4, 2, 7, 8, 5)
"""The neighbour of each of the nine places, one step on around the middle."""
RING = (0, 2, 4, 10, 14, 20, 22, 24)
INNER = (6, 7, 8, 11, 13, 16, 17, 18)
"""Places in a 5 x 5 kernel: of the outer ring, and of those that lie on the same rays next to the middle."""


def over_pixels(kernel: Tensor, kind: str) -> Tensor:
    """A kernel over differences [o, i, 3, 3] -> over pixels, [o, i, 3, 3] or, of radial differences, [o, i, 5, 5]. Paper, section 3.1."""
    flat = kernel.flatten(2)
    if kind == "central":
        around = flat.clone()
        around[..., 4] -= flat.sum(-1)
        return around.view_as(kernel)
    if kind == "angular":
        return (flat - flat[..., list(CLOCKWISE)]).view_as(kernel)
    if kind == "radial":
        wide = flat.new_zeros(*flat.shape[:2], 25)
        wide[..., list(RING)], wide[..., list(INNER)] = flat[..., 1:], -flat[..., 1:]
        return wide.view(*flat.shape[:2], 5, 5)
    return kernel


class _Difference(nn.Module):
    def __init__(self, inside: int, outside: int, kind: str, groups: int) -> None:
        super().__init__()
        self.kind, self.groups = kind, groups
        self.weight = nn.Parameter(torch.empty(outside, inside // groups, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        kernel = over_pixels(self.weight, self.kind)
        return conv2d(x, kernel, padding=kernel.shape[-1] // 2, groups=self.groups)


class _Block(nn.Module):
    def __init__(self, inside: int, outside: int, kind: str, halves: bool) -> None:
        super().__init__()
        self.conv1 = _Difference(inside, inside, kind, inside)
        self.conv2 = nn.Conv2d(inside, outside, 1, bias=False)
        self.shortcut = nn.Conv2d(inside, outside, 1) if halves else None

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            return self.conv2(relu(self.conv1(x))) + x
        x = max_pool2d(x, 2)
        return self.conv2(relu(self.conv1(x))) + self.shortcut(x)


class _Dilated(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 1)
        for number, wide in enumerate(DILATIONS, 1):
            self.add_module(f"conv2_{number}", nn.Conv2d(outside, outside, 3, padding=wide, dilation=wide, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(relu(x))
        return sum((self.get_submodule(f"conv2_{number}")(x) for number in range(1, len(DILATIONS) + 1)), torch.zeros_like(x))


class _Attention(nn.Module):
    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, narrow, 1)
        self.conv2 = nn.Conv2d(narrow, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv2(self.conv1(relu(x))).sigmoid()


class _Reduced(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class PiDiNet(nn.Module):
    """RGB [1, 3, H, W] in 0..1 -> edges [H, W] in 0..1."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width, dilated, narrow = (shapes[name][0] for name in ("init_block.weight", "dilations.0.conv1.weight", "attentions.0.conv1.weight"))
        widths = [width, 2 * width, 4 * width, 4 * width]
        self.init_block = _Difference(3, width, TURNS[0], 1)
        self.stages = nn.ModuleList()
        layer, inside = 1, width
        for number, (blocks, outside) in enumerate(zip(STAGES, widths, strict=True)):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(_Block(inside, outside, TURNS[layer % len(TURNS)], halves=bool(number) and block == 0))
                layer, inside = layer + 1, outside
            self.stages.append(stage)
        self.dilations = nn.ModuleList(_Dilated(one, dilated) for one in widths)
        self.attentions = nn.ModuleList(_Attention(dilated, narrow) for _ in widths)
        self.conv_reduces = nn.ModuleList(_Reduced(dilated) for _ in widths)
        self.classifier = nn.Conv2d(len(widths), 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.init_block(pixels.flip(1))
        edges = []
        for stage, dilated, attention, reduced in zip(self.stages, self.dilations, self.attentions, self.conv_reduces, strict=True):
            x = stage(x)
            edges.append(interpolate(reduced(attention(dilated(x))), pixels.shape[-2:], mode="bilinear", align_corners=False))
        return self.classifier(torch.cat(edges, 1)).sigmoid()[0, 0]


def filed(name: str) -> str:
    """The name in memory -> in the file: block2_1 is the first of the second scale."""
    if not name.startswith("stages."):
        return name
    _, stage, block, rest = name.split(".", 3)
    return f"block{int(stage) + 1}_{int(block) + 1}.{rest}"
