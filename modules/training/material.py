"""The data as the loop asks for it: samples of a step, sorted into batches of one shape; each sample's crop and mirroring come from its own seed.

Knows no network: `see` turns a view of a picture into what is trained on, latents or pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.training.buckets import View
from modules.training.dataset import Entry
from modules.training.order import Draw, seed_of
from modules.training.views import Views, caption_of

LEVELS = 4
"""Noise levels at which each held-out picture is measured."""
MEASURED = 32
"""Pictures that are measured with, at most."""


class Batch(NamedTuple):
    """x: [B, C, h, w] float32 on the CPU, of one shape. weights: [B], of each sample in the loss. size: (width, height) of the pictures. beside: what only
    one kind of data knows."""

    x: Tensor
    captions: tuple[str, ...]
    draws: tuple[Draw, ...]
    weights: Tensor
    size: tuple[int, int]


class Data(Protocol):
    """What the loop trains on. own, prior: how many samples there are; 0 own ones: endless, every draw another."""

    own: int
    prior: int

    def batches(self, draws: Sequence[Draw], at_once: int) -> list[Batch]:
        """The samples, at most `at_once` in a batch."""

    def measured(self, at_once: int) -> Iterator[Batch]:
        """Always the same samples with the same seeds: what the network is measured with."""

    @property
    def fresh(self) -> bool:
        """Whether what is measured with is not trained on."""


@dataclass
class Material:
    """entries: trained on. priors: of other things. held: measured with, not trained on. see: a view of a picture -> [C, h, w]."""

    entries: Sequence[Entry]
    priors: Sequence[Entry]
    held: Sequence[Entry]
    views: Views
    trigger: str
    prior_weight: float
    seed: int
    see: Callable[[Entry, View], Tensor]

    def __post_init__(self) -> None:
        self.own, self.prior = len(self.entries), len(self.priors)

    @property
    def fresh(self) -> bool:
        return bool(self.held)

    def batches(self, draws: Sequence[Draw], at_once: int) -> list[Batch]:
        rows: dict[tuple[int, int], list[tuple[Entry, View, Draw]]] = {}
        for draw in draws:
            entry = (self.priors if draw.prior else self.entries)[draw.entry]
            seen = self.views.of(entry, draw.seed)
            rows.setdefault(seen.size, []).append((entry, seen, draw))
        return [self._batch(some[first : first + at_once]) for some in rows.values() for first in range(0, len(some), at_once)]

    def measured(self, at_once: int) -> Iterator[Batch]:
        for number, entry in enumerate((self.held or self.entries)[:MEASURED]):
            seen = self.views.of(entry, None)
            draws = [Draw(number, seed_of(self.seed, "measured", entry.name, level), level, LEVELS) for level in range(LEVELS)]
            for first in range(0, LEVELS, at_once):
                yield self._batch([(entry, seen, draw) for draw in draws[first : first + at_once]])

    def samples(self, most: int) -> Iterator[Batch]:
        """The first pictures that are measured with, one in a batch."""
        for number, entry in enumerate((self.held or self.entries)[:most]):
            yield self._batch([(entry, self.views.of(entry, None), Draw(number, 0, 0, 1))])

    def _batch(self, rows: Sequence[tuple[Entry, View, Draw]]) -> Batch:
        x = torch.stack([self.see(entry, seen) for entry, seen, _ in rows])
        weights = torch.tensor([self.prior_weight if entry.prior else 1.0 for entry, _, _ in rows])
        return Batch(x, tuple(caption_of(entry, self.trigger) for entry, _, _ in rows), tuple(draw for _, _, draw in rows), weights, rows[0][1].size)


def pixels(image: Image.Image) -> Tensor:
    """-> [3, H, W] float32 in -1..1."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)


def png(tensor: Tensor) -> bytes:
    """[3, H, W] in -1..1 -> a picture's file. The way back of `pixels`."""
    plain = (tensor.clamp(-1, 1).cpu().permute(1, 2, 0) * 127.5 + 127.5).round().to(torch.uint8)
    data = io.BytesIO()
    Image.fromarray(plain.numpy()).save(data, "PNG")
    return data.getvalue()
