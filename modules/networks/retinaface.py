"""RetinaFace on a ResNet-50: the network that finds faces and five points of each. Its tensors have facexlib's names (detection_Resnet50_Final).

Source: "RetinaFace: Single-stage Dense Face Localisation in the Wild" (Deng et al., 2019). Knows no picture and no file.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
"""Pixels between two places of each level."""
GUESSES = 2
"""Boxes that each place guesses from."""


def _folded(inside: int, outside: int, kernel: int, leak: float | None = 0.0) -> nn.Sequential:
    """A convolution with batch norm; the indices 0 and 1 are part of the tensors' names."""
    layers = [nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outside)]
    return nn.Sequential(*layers, *([] if leak is None else [nn.LeakyReLU(leak)]))


class _Bottleneck(nn.Module):
    """ResNet's: 1 x 1, 3 x 3 with the stride, 1 x 1 to four times the width."""

    def __init__(self, inside: int, width: int, stride: int, first: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        if first:
            self.downsample = nn.Sequential(nn.Conv2d(inside, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        straight = self.downsample(x) if hasattr(self, "downsample") else x
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        return functional.relu(self.bn3(self.conv3(x)) + straight)


def _stage(first: int, number: int, depth: int) -> nn.Sequential:
    """first: channels before the first stage. number: of this one, from 0."""
    width = first * 2**number
    into = [2 * width if number else first, *[4 * width] * (depth - 1)]
    return nn.Sequential(*(_Bottleneck(inside, width, 2 if number and not index else 1, not index) for index, inside in enumerate(into)))


class _Body(nn.Module):
    """ResNet without its head -> the outputs of its last three stages."""

    def __init__(self, width: int, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.layer1, self.layer2, self.layer3, self.layer4 = (_stage(width, number, depth) for number, depth in enumerate(depths))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.layer1(functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1))
        found = []
        for layer in (self.layer2, self.layer3, self.layer4):
            x = layer(x)
            found.append(x)
        return found


class _Pyramid(nn.Module):
    """Carries what the coarse levels know into the fine ones."""

    def __init__(self, inside: list[int], width: int, leak: float) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_folded(channels, width, 1, leak) for channels in inside)
        self.merge1, self.merge2 = _folded(width, width, 3, leak), _folded(width, width, 3, leak)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        fine, middle, coarse = (output(level) for output, level in zip((self.output1, self.output2, self.output3), levels, strict=True))
        middle = self.merge2(middle + functional.interpolate(coarse, size=middle.shape[2:]))
        fine = self.merge1(fine + functional.interpolate(middle, size=fine.shape[2:]))
        return [fine, middle, coarse]


class _Context(nn.Module):
    """Sees three neighbourhoods at once: 3, 5 and 7 pixels wide."""

    def __init__(self, width: int, leak: float) -> None:
        super().__init__()
        part = width // 4
        self.conv3X3 = _folded(width, 2 * part, 3, None)
        self.conv5X5_1, self.conv5X5_2 = _folded(width, part, 3, leak), _folded(part, part, 3, None)
        self.conv7X7_2, self.conv7x7_3 = _folded(part, part, 3, leak), _folded(part, part, 3, None)

    def forward(self, x: Tensor) -> Tensor:
        between = self.conv5X5_1(x)
        return functional.relu(torch.cat([self.conv3X3(x), self.conv5X5_2(between), self.conv7x7_3(self.conv7X7_2(between))], 1))


class _Head(nn.Module):
    def __init__(self, width: int, values: int) -> None:
        super().__init__()
        self.conv1x1, self.values = nn.Conv2d(width, values * GUESSES, 1), values

    def forward(self, x: Tensor) -> Tensor:
        """-> [B, guesses, values], row by row."""
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.values)


class RetinaFace(nn.Module):
    """width: channels of the first layer (64 in files of the trade). depths: blocks of the four stages (3, 4, 6, 3). channels: of the pyramid (256)."""

    def __init__(self, width: int, depths: tuple[int, ...], channels: int) -> None:
        super().__init__()
        leak = 0.0 if channels > 64 else 0.1  # as networks of these sizes are trained
        self.body = _Body(width, depths)
        self.fpn = _Pyramid([8 * width, 16 * width, 32 * width], channels, leak)
        self.ssh1, self.ssh2, self.ssh3 = (_Context(channels, leak) for _ in STRIDES)
        self.ClassHead, self.BboxHead, self.LandmarkHead = (nn.ModuleList(_Head(channels, values) for _ in STRIDES) for values in (2, 4, 10))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """pixels [1, 3, H, W], blue first, minus MEAN -> scores [guesses], boxes [guesses, 4] and points [guesses, 10] as the network tells them."""
        levels = [context(level) for context, level in zip((self.ssh1, self.ssh2, self.ssh3), self.fpn(self.body(pixels)), strict=True)]
        scores, boxes, points = (
            torch.cat([head(level) for head, level in zip(heads, levels, strict=True)], 1)[0] for heads in (self.ClassHead, self.BboxHead, self.LandmarkHead)
        )
        return scores.softmax(1)[:, 1], boxes, points
