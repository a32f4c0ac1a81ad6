"""Which piece of each picture a sample is, and a sheet that shows a person what the model will see. No torch."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image, ImageDraw

from modules.core.training import Pictures, TrainingRequest, called
from modules.training import buckets
from modules.training.buckets import View
from modules.training.dataset import Entry
from modules.training.opening import cut, image_of
from modules.training.order import seed_of

SHOWN = 24
"""Pictures on a sheet, at most."""
SAMPLES = 2
"""Captions that become sample prompts where none are given."""
TILE = 160
"""Pixels of the longer side of one on it."""


@dataclass
class Views:
    """side: of a square training picture, multiple: of its sides, in pixels. seed: of random crops."""

    pictures: Pictures
    side: int
    multiple: int
    seed: int
    _sizes: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shapes = buckets.shapes(self.side, self.multiple, self.pictures.buckets)

    def of(self, entry: Entry, seed: int | None) -> View:
        """What of a picture a sample of this seed sees; without one, what one would expect. Raises BadPicture."""
        shape = buckets.nearest(self.size(entry), self.shapes)
        if seed is None:
            return buckets.view(self.size(entry), shape, "center")
        mirrored = self.pictures.flip and bool(seed_of(seed, "mirrored") % 2)
        variant = seed_of(seed, "variant") % self.pictures.variants
        return buckets.view(self.size(entry), shape, self.pictures.crop, f"{self.seed}/{entry.name}/{variant}", mirrored)

    def size(self, entry: Entry) -> tuple[int, int]:
        """(width, height) of the whole picture. Raises BadPicture."""
        if entry.path not in self._sizes:
            self._sizes[entry.path] = image_of(entry.path).size
        return self._sizes[entry.path]


def caption_of(entry: Entry, trigger: str) -> str:
    """With the trigger word before it, where it is not in it; what is to stay as it was has none."""
    if entry.prior or not trigger or trigger.casefold() in entry.caption.casefold():
        return entry.caption
    return f"{trigger}, {entry.caption}" if entry.caption else trigger


def prompted(request: TrainingRequest, entries: Sequence[Entry]) -> TrainingRequest:
    """With the first captions for sample prompts, where none are given. An autoencoder draws none."""
    if request.watching.prompts or request.what == "autoencoder":
        return request
    said = dict.fromkeys(filter(None, (caption_of(entry, called(request)) for entry in entries)))
    return replace(request, watching=replace(request.watching, prompts=tuple(said)[:SAMPLES]))


def sheet(entries: Sequence[Entry], views: Views, trigger: str) -> bytes:
    """A PNG: pieces as they may be drawn, several of each where there are few, with their words. Raises BadPicture."""
    again = max(1, SHOWN // max(len(entries), 1)) if views.pictures.flip or views.pictures.variants > 1 else 1
    rows = [(entry, views.of(entry, seed_of("sheet", entry.name, turn))) for entry in entries[:SHOWN] for turn in range(min(again, 4))][:SHOWN]
    across = min(6, max(len(rows), 1))
    down = -(-len(rows) // across)
    canvas = Image.new("RGB", (across * (TILE + 8) + 8, down * (TILE + 36) + 8), (32, 32, 36))
    pen = ImageDraw.Draw(canvas)
    for number, (entry, seen) in enumerate(rows):
        tile = cut(image_of(entry.path), seen)
        tile.thumbnail((TILE, TILE))
        left, top = 8 + number % across * (TILE + 8), 8 + number // across * (TILE + 36)
        canvas.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
        words = caption_of(entry, trigger) or "(no words)"
        pen.text((left, top + TILE + 2), _short(f"{seen.size[0]} x {seen.size[1]}{' mirrored' if seen.mirrored else ''}"), (150, 150, 160))
        pen.text((left, top + TILE + 15), _short(words), (230, 230, 235))
    data = io.BytesIO()
    canvas.save(data, "PNG")
    return data.getvalue()


def _short(words: str) -> str:
    plain = words.encode("latin-1", "replace").decode("latin-1")  # what Pillow's own letters can show
    return plain if len(plain) <= 26 else f"{plain[:25]}."
