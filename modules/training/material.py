"""The data as the loop asks for it: samples of a step, sorted into batches of one shape; each sample's crop and mirroring come from its own seed.

Knows no network: `see` turns a view of a picture into what is trained on, latents or pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.core.errors import BadPicture
from modules.core.training import Pictures
from modules.imaging.opening import opened
from modules.training import buckets
from modules.training.buckets import View
from modules.training.dataset import Entry
from modules.training.order import Draw, seed_of

LARGEST = 2**28
"""Bytes of a picture file."""
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
    """entries: trained on. priors: of other things. held: measured with, not trained on. see: a view of a picture -> [C, h, w]. multiple: of a shape's sides."""

    entries: Sequence[Entry]
    priors: Sequence[Entry]
    held: Sequence[Entry]
    pictures: Pictures
    side: int
    multiple: int
    trigger: str
    prior_weight: float
    seed: int
    see: Callable[[Entry, View], Tensor]
    _sizes: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.own, self.prior = len(self.entries), len(self.priors)
        self.shapes = buckets.shapes(self.side, self.multiple, self.pictures.buckets)

    @property
    def fresh(self) -> bool:
        return bool(self.held)

    def batches(self, draws: Sequence[Draw], at_once: int) -> list[Batch]:
        rows: dict[tuple[int, int], list[tuple[Entry, View, Draw]]] = {}
        for draw in draws:
            entry = (self.priors if draw.prior else self.entries)[draw.entry]
            seen = self.view(entry, draw.seed)
            rows.setdefault(seen.size, []).append((entry, seen, draw))
        return [self._batch(some[first : first + at_once]) for some in rows.values() for first in range(0, len(some), at_once)]

    def measured(self, at_once: int) -> Iterator[Batch]:
        for number, entry in enumerate((self.held or self.entries)[:MEASURED]):
            seen = self.view(entry, None)
            draws = [Draw(number, seed_of(self.seed, "measured", entry.name, level), level, LEVELS) for level in range(LEVELS)]
            for first in range(0, LEVELS, at_once):
                yield self._batch([(entry, seen, draw) for draw in draws[first : first + at_once]])

    def view(self, entry: Entry, seed: int | None) -> View:
        """What of a picture a draw sees; without a seed, what one would expect."""
        shape = buckets.nearest(self.size(entry), self.shapes)
        if seed is None:
            return buckets.view(self.size(entry), shape, "center")
        mirrored = self.pictures.flip and bool(seed_of(seed, "mirrored") % 2)
        variant = seed_of(seed, "variant") % self.pictures.variants
        return buckets.view(self.size(entry), shape, self.pictures.crop, f"{self.seed}/{entry.name}/{variant}", mirrored)

    def size(self, entry: Entry) -> tuple[int, int]:
        if entry.path not in self._sizes:
            self._sizes[entry.path] = image_of(entry.path).size
        return self._sizes[entry.path]

    def caption(self, entry: Entry) -> str:
        """With the trigger word before it, where it is not in it."""
        if entry.prior or not self.trigger or self.trigger.casefold() in entry.caption.casefold():
            return entry.caption
        return f"{self.trigger}, {entry.caption}" if entry.caption else self.trigger

    def _batch(self, rows: Sequence[tuple[Entry, View, Draw]]) -> Batch:
        x = torch.stack([self.see(entry, seen) for entry, seen, _ in rows])
        weights = torch.tensor([self.prior_weight if entry.prior else 1.0 for entry, _, _ in rows])
        return Batch(x, tuple(self.caption(entry) for entry, _, _ in rows), tuple(draw for _, _, draw in rows), weights, rows[0][1].size)


def image_of(path: Path) -> Image.Image:
    """The picture upright, in RGB; what is transparent in it becomes white. Raises BadPicture."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadPicture(f"{path.name} has more than {LARGEST >> 20} MB.", "Give a smaller file.")
        image = opened(path.read_bytes())
    except OSError as error:
        raise BadPicture(f"{path.name} cannot be read: {error.strerror or error}.", "Check the file, and that you may read it.") from None
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def cut(image: Image.Image, seen: View) -> Image.Image:
    """What of the picture is seen, at its training size."""
    scaled = image.resize(seen.whole, Image.Resampling.LANCZOS) if image.size != seen.whole else image
    piece = scaled.crop((seen.left, seen.top, seen.left + seen.size[0], seen.top + seen.size[1]))
    return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if seen.mirrored else piece


def pixels(image: Image.Image) -> Tensor:
    """-> [3, H, W] float32 in -1..1."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)
