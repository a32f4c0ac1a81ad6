"""Scenes as the loop asks for them: pictures for the autoencoder, and latents with sentences for the denoiser. Both are endless, and decided by their numbers.

Scenes are as good in their own order as in any other, so numbers are walked in order; those of the denoiser begin again where the supply of latents ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from modules.core.files import make_folder, replace
from modules.training.material import Batch
from modules.training.order import Draw, seed_of
from modules.training.starter.scenes import caption
from modules.training.starter.studio import Studio

WHOLE = 0.12
"""Share of the autoencoder's training, at its end, that sees whole scenes."""
LONG = 0.07
"""Share of the denoiser's training, at its end, that reads texts at their full length."""
MEASURED = 64
"""Scenes that are measured with; their numbers are below nought, and nothing is trained on them."""


def step_of(draw: Draw) -> int:
    """Which step a sample of endless data belongs to."""
    return draw.entry // draw.of


@dataclass
class Crops:
    """For the autoencoder: a piece of each scene, and no scene twice. crop: side of a piece in pixels. steps: of the whole training."""

    studio: Studio
    crop: int
    steps: int
    own: int = 0
    prior: int = 0
    fresh: bool = True

    def batches(self, draws: Sequence[Draw], at_once: int) -> list[Batch]:
        """Whole scenes are fewer, by as much as they are larger, and weigh more, so that a step is a mean all the same."""
        whole = step_of(draws[0]) >= self.steps * (1 - WHOLE)
        seen = draws[: max(1, len(draws) // (self.studio.side // self.crop) ** 2)] if whole else draws
        return [self._batch(seen[first : first + at_once], whole, len(draws) / len(seen)) for first in range(0, len(seen), at_once)]

    def measured(self, at_once: int) -> Iterator[Batch]:
        size = max(1, at_once // 4)
        for first in range(0, MEASURED, size):
            numbers = range(first, min(first + size, MEASURED))
            drawn = [self.studio.drawing.draw(self.studio.scene(-1 - number)) for number in numbers]
            yield _batch(drawn, [Draw(-1 - number, number, number, MEASURED) for number in numbers])

    def _batch(self, draws: Sequence[Draw], whole: bool, weight: float) -> Batch:
        side, crop = self.studio.side, self.studio.side if whole else self.crop
        pieces = []
        for draw in draws:
            scene = self.studio.scene(draw.entry)
            picture = self.studio.picture(draw.entry)
            dice = np.random.default_rng(draw.seed)
            thing = scene.things[dice.integers(len(scene.things))]  # most pieces see some of a thing; flat ground is soon learnt
            away = dice.uniform(-0.5, 0.5, 2) * (thing.size if dice.random() < 0.8 else 2)
            left, top = (int(np.clip((middle + shift) * side - crop / 2, 0, side - crop)) for middle, shift in zip((thing.x, thing.y), away, strict=True))
            pieces.append(picture[top : top + crop, left : left + crop])
        return _batch(pieces, draws, weight)


def _batch(pictures: Sequence[np.ndarray], draws: Sequence[Draw], weight: float = 1.0) -> Batch:
    x = pixels(np.stack(pictures))
    return Batch(x, ("",) * len(draws), tuple(draws), torch.full((len(draws),), weight), (x.shape[3], x.shape[2]))


def pixels(pictures: np.ndarray) -> Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] float32 in -1..1."""
    return torch.tensor(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


@dataclass
class Latents:
    """For the denoiser. encode: pictures [B, 3, H, W] in -1..1 -> latents [B, 4, h, w], not scaled yet. key: of the autoencoder. scale: by which latents are multiplied.
    folder: where they are kept, by chunks."""

    studio: Studio
    count: int
    encode: Callable[[Tensor], Tensor]
    key: str
    folder: Path
    scale: float = 1.0
    at_once: int = 16
    own: int = 0
    prior: int = 0
    fresh: bool = True
    _kept: dict[int, Tensor] = field(default_factory=dict)

    def batches(self, draws: Sequence[Draw], at_once: int) -> list[Batch]:
        return [self._batch(draws[first : first + at_once]) for first in range(0, len(draws), at_once)]

    def measured(self, at_once: int) -> Iterator[Batch]:
        for first in range(0, MEASURED, at_once):
            numbers = range(first, min(first + at_once, MEASURED))
            yield self._batch([Draw(-1 - number, seed_of("measured", number), number, MEASURED) for number in numbers])

    def latents(self, chunk: int) -> Tensor:
        """Of a chunk of scenes, [n, 4, h, w] float16, not scaled. Chunk -1: those that are measured with."""
        if chunk not in self._kept:
            path = self.folder / f"{self.key[:16]}-{chunk}.safetensors"
            found = _read(path)
            if found is None:
                if chunk < 0:
                    pictures = np.stack([self.studio.drawing.draw(self.studio.scene(-1 - number)) for number in range(MEASURED)])
                else:
                    pictures = self.studio.pictures_of(chunk, self.count // self.studio.chunk)
                found = self._encoded(pictures)
                make_folder(self.folder)
                replace(path, save({"latents": found}))
            self._kept[chunk] = found
        return self._kept[chunk]

    def _encoded(self, pictures: np.ndarray) -> Tensor:
        rows = []
        with torch.no_grad():
            for first in range(0, len(pictures), self.at_once):
                rows.append(self.encode(pixels(pictures[first : first + self.at_once])).half().cpu())
        return torch.cat(rows).contiguous()

    def _batch(self, draws: Sequence[Draw]) -> Batch:
        rows, captions = [], []
        for draw in draws:
            number = draw.entry if draw.entry < 0 else draw.entry % self.count
            rows.append(self.latents(-1)[-1 - number] if number < 0 else self.latents(number // self.studio.chunk)[number % self.studio.chunk])
            captions.append(caption(self.studio.scene(number), self.studio.plurals, draw.seed))
        x = torch.stack(rows).float() * self.scale
        return Batch(x, tuple(captions), tuple(draws), torch.ones(len(draws)), (x.shape[3] * 8, x.shape[2] * 8))


def _read(path: Path) -> Tensor | None:
    try:
        return load(path.read_bytes())["latents"]
    except (OSError, SafetensorError, KeyError):
        return None
