"""Token merging for Stable Diffusion (Bolya & Hoffman 2023): self-attention sees fewer tokens, the most alike of them averaged, and every place gets its answer back.

One of each 2 x 2 tokens is a target; of the others, the share that is most alike to a target (cosine of the block's input) joins it for the length of one
self-attention. Only where the picture has its full number of tokens, only in self-attention, targets at a fixed place: A1111's choice of the paper's options.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

CELL = 2
"""Side of the squares of tokens with one target each."""
Where = tuple[int, int, torch.device]
"""(height, width, device) of tokens."""


class Matching(NamedTuple):
    """Who joins whom. targets [T]: places. kept [B, K], joined [B, R]: places of the others. into [B, R]: numbers of targets. tokens: T + K + R."""

    targets: Tensor
    kept: Tensor
    joined: Tensor
    into: Tensor
    tokens: int

    def merged(self, x: Tensor) -> Tensor:
        """[B, tokens, C] -> [B, K + T, C]; a target becomes the mean of itself and of what joined it."""
        return torch.cat([_taken(x, self.kept), _averaged(x[:, self.targets], self.into, _taken(x, self.joined))], 1)

    def spread(self, y: Tensor) -> Tensor:
        """The way back: what joined has its target's value."""
        kept, targets = y[:, : self.kept.shape[1]], y[:, self.kept.shape[1] :]
        found = y.new_empty(y.shape[0], self.tokens, y.shape[2])
        found[:, self.targets] = targets
        found.scatter_(1, _wide(self.kept, y), kept)
        return found.scatter_(1, _wide(self.joined, y), _taken(targets, self.into))


def split(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """-> the places of the targets, and those of all other tokens, found by the host."""
    places = torch.arange(height * width).view(height, width)
    inside = torch.zeros(height, width, dtype=torch.bool)
    inside[: height // CELL * CELL : CELL, : width // CELL * CELL : CELL] = True
    return places[inside].to(device), places[~inside].to(device)


def matching(x: Tensor, places: tuple[Tensor, Tensor], ratio: float) -> Matching:
    """x: [B, tokens, C]. places: from `split`. ratio: the share of tokens that join another, as far as there are enough beside the targets."""
    targets, others = places
    tokens = x.shape[1]
    count = min(int(tokens * ratio), len(others))
    unit = x / x.norm(dim=-1, keepdim=True)
    alike, nearest = (unit[:, others] @ unit[:, targets].transpose(1, 2)).max(-1)
    order = alike.argsort(dim=-1, descending=True, stable=True)
    joined, kept = order[:, :count], order[:, count:]
    return Matching(targets, others[kept], others[joined], nearest.gather(1, joined), tokens)


@contextmanager
def merging(unet: nn.Module, ratio: float) -> Iterator[None]:
    """Inside, the UNet's self-attentions at full size see merged tokens. Blocks and attention code are not touched: hooks hand over fewer tokens and spread the answer."""
    size, places = [0, 0], dict[Where, tuple[Tensor, Tensor]]()

    def sized(module: nn.Module, given: tuple[Any, ...]) -> None:
        size[:] = given[0].shape[-2:]

    with ExitStack() as standing:
        standing.callback(unet.register_forward_pre_hook(sized).remove)
        for block in unet.modules():
            if isinstance(block, BasicTransformerBlock) and isinstance(block.attn1, nn.Module):
                _stand(block, ratio, size, places, standing)
        yield


def _stand(block: Any, ratio: float, size: list[int], places: dict[Where, tuple[Tensor, Tensor]], standing: ExitStack) -> None:
    found: list[Matching] = []

    def matched(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        x = given[0] if given else named["hidden_states"]
        found[:] = []
        if x.shape[1] == size[0] * size[1]:
            where = size[0], size[1], x.device
            if where not in places:
                places[where] = split(*where)
            found.append(matching(x, places[where], ratio))

    def fewer(module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return (found[0].merged(given[0]), *given[1:]) if found else given

    def all_again(module: nn.Module, given: tuple[Any, ...], answer: Tensor) -> Tensor:
        return found.pop().spread(answer) if found else answer

    standing.callback(block.register_forward_pre_hook(matched, with_kwargs=True).remove)
    standing.callback(block.attn1.register_forward_pre_hook(fewer).remove)
    standing.callback(block.attn1.register_forward_hook(all_again).remove)


def _averaged(targets: Tensor, into: Tensor, joined: Tensor) -> Tensor:
    """On a card the sums go through index_put_, which adds in a fixed order there; scatter_reduce does so on a CPU only."""
    if targets.device.type == "cpu":
        return targets.scatter_reduce(1, _wide(into, targets), joined, "mean")
    rows = torch.arange(len(targets), device=targets.device)[:, None].expand_as(into)
    counts = torch.ones(targets.shape[:2], dtype=targets.dtype, device=targets.device)
    counts = counts.index_put_((rows, into), torch.ones_like(into, dtype=targets.dtype), accumulate=True)
    return targets.clone().index_put_((rows, into), joined, accumulate=True) / counts[..., None]


def _taken(x: Tensor, places: Tensor) -> Tensor:
    return x.gather(1, _wide(places, x))


def _wide(places: Tensor, x: Tensor) -> Tensor:
    return places[..., None].expand(-1, -1, x.shape[2])
