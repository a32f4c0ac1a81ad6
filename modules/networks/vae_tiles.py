"""An autoencoder's work tile by tile, so that a large picture takes the memory of a small one. Knows no family.

Two things make tiles show. Each tile sees another surrounding at its edge: tiles overlap, and blend into each other over all of the overlap. And group norms
(Wu & He 2018) take mean and variance over the whole picture, which tiles on their own each take for themselves, so that their colours drift apart: here
all of them use the same ones, gathered beforehand from the picture made small enough for one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from modules.imaging.tiles import Tiles

TILE, OVERLAP = 64, 16
"""Latents to a side."""

Work = Callable[[Tensor], Tensor]


def needed(height: int, width: int) -> bool:
    """Whether a picture is larger than a tile. In latents."""
    return max(height, width) > TILE


def through(network: nn.Module, given: Tensor, work: Work, inside: int, outside: int, tile: int = TILE, overlap: int = OVERLAP) -> Tensor:
    """given [1, C, H, W] through `work`, a part of `network`, tile by tile -> [1, C', H', W'], float32. inside, outside: what a latent measures in `given` and
    in what comes of it. tile, overlap: in latents."""
    around = any(isinstance(module, nn.Conv2d) and module.padding_mode == "circular" for module in network.modules())
    if around:  # a picture that goes on at its opposite edge does so here, too
        rim = overlap * inside
        given = functional.pad(given, (rim, rim, rim, rim), mode="circular")
    height, width = given.shape[-2] // inside, given.shape[-1] // inside
    tile_height, tile_width = min(tile, height), min(tile, width)
    tiles = Tiles(width, height, tile_width, tile_height, min(overlap, tile_width - 1, tile_height - 1))
    with gathered(network) as norms:
        work(_small(given, inside, tile))
    made, total = None, None
    with shared(norms):
        for place in tiles.places():
            left, top, right, bottom = tiles.box(place)
            part = work(given[..., top * inside : bottom * inside, left * inside : right * inside])
            if made is None or total is None:
                made = part.new_zeros(1, part.shape[1], height * outside, width * outside, dtype=torch.float32)
                total = part.new_zeros(height * outside, width * outside, dtype=torch.float32)
            weight = _weight(tiles.ys, place[0], tile_height, outside, part.device)[:, None] * _weight(tiles.xs, place[1], tile_width, outside, part.device)
            rows, columns = slice(top * outside, bottom * outside), slice(left * outside, right * outside)
            made[..., rows, columns] += part * weight
            total[rows, columns] += weight
    assert made is not None and total is not None
    made.div_(total)
    cut = overlap * outside if around else 0
    return made[..., cut : made.shape[-2] - cut, cut : made.shape[-1] - cut]


def _weight(starts: tuple[int, ...], index: int, size: int, scale: int, device: torch.device) -> Tensor:
    """[size * scale]: rises over the overlap with the tile before and falls over that with the next one."""
    weight = torch.ones(size * scale, device=device)
    if index:
        over = (starts[index - 1] + size - starts[index]) * scale
        weight[:over] = (torch.arange(over, device=device) + 0.5) / over
    if index + 1 < len(starts):
        over = (starts[index] + size - starts[index + 1]) * scale
        weight[-over:] = torch.minimum(weight[-over:], ((torch.arange(over, device=device) + 0.5) / over).flip(0))
    return weight


def _small(given: Tensor, inside: int, tile: int) -> Tensor:
    """Made small enough for one tile, with each channel's mean and spread as they were."""
    scale = min(tile * inside / max(given.shape[-2:]), 1.0)
    size = [max(int(side * scale) // inside, 1) * inside for side in given.shape[-2:]]
    whole = given.float()
    small = functional.interpolate(whole, size, mode="bilinear")
    spread = whole.std((-2, -1), keepdim=True) / small.std((-2, -1), keepdim=True).clamp_min(1e-6)
    return ((small - small.mean((-2, -1), keepdim=True)) * spread + whole.mean((-2, -1), keepdim=True)).to(given.dtype)


Norms = dict[nn.GroupNorm, tuple[Tensor, Tensor]]
"""Mean and variance of each group, [groups]."""


@contextmanager
def gathered(network: nn.Module) -> Iterator[Norms]:
    """Inside, whatever runs through the network tells its group norms' means and variances."""
    norms: Norms = {}

    def tell(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.GroupNorm)
        groups = given[0].float().reshape(norm.num_groups, -1)
        variance, mean = torch.var_mean(groups, 1, correction=0)
        norms[norm] = (mean, variance)

    hooks = [module.register_forward_pre_hook(tell) for module in network.modules() if isinstance(module, nn.GroupNorm)]
    try:
        yield norms
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def shared(norms: Norms) -> Iterator[None]:
    """Inside, these group norms take the means and variances given, whatever they are asked to norm."""
    for norm, (mean, variance) in norms.items():

        def forward(given: Tensor, norm: nn.GroupNorm = norm, mean: Tensor = mean, variance: Tensor = variance) -> Tensor:
            each = norm.num_channels // norm.num_groups
            scale = (variance + norm.eps).rsqrt().repeat_interleave(each) * norm.weight
            shift = norm.bias - mean.repeat_interleave(each) * scale
            shape = (1, -1, *[1] * (given.dim() - 2))
            return torch.addcmul(shift.to(given.dtype).view(shape), given, scale.to(given.dtype).view(shape))

        norm.forward = forward  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward
