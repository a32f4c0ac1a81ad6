"""How different two pictures look, by a network that needs no download: four levels of convolutions with weights drawn once and never trained.

Untrained networks of this shape judge nearly as trained ones do, because what counts is that patches of several sizes are compared after a nonlinearity
(Amir & Weiss, "Understanding and Simplifying Perceptual Distances", CVPR 2021). The features are compared as LPIPS compares them (Zhang et al. 2018):
unit length over the channels, squared difference, mean. The weights come from a fixed seed, so the loss is the same on every machine.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

WIDTHS = (32, 64, 96, 128)
SEED = 20180111


class Perceptual(nn.Module):
    """Pictures [B, 3, H, W] in -1..1, sides of 16 pixels or more."""

    def __init__(self) -> None:
        super().__init__()
        dice = torch.Generator().manual_seed(SEED)
        before, weights = 3, []
        for width in WIDTHS:
            weight = torch.randn(width, before, 3, 3, generator=dice)
            weight -= weight.mean((1, 2, 3), keepdim=True)  # flat colour says nothing; L1 has it already
            weights.append(weight * math.sqrt(2 / (before * 9)))
            before = width
        for number, weight in enumerate(weights):
            self.register_buffer(f"level{number}", weight, persistent=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """-> [B], 0 for equal pictures."""
        total = torch.zeros(len(one), device=one.device)
        for number in range(len(WIDTHS)):
            weight = getattr(self, f"level{number}")
            one, other = (torch.relu(nn.functional.conv2d(x, weight.to(x), padding=1)) for x in (one, other))
            total = total + (_unit(one.float()) - _unit(other.float())).square().sum(1).mean((1, 2))
            one, other = nn.functional.avg_pool2d(one, 2), nn.functional.avg_pool2d(other, 2)
        return total / len(WIDTHS)


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(1, keepdim=True) + 1e-6).sqrt()
