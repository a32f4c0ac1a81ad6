"""A picture cut into overlapping tiles of one size, and joined again with soft seams. Knows no scripts.

Rules: the project's notes on A1111 (SD upscale). Only the first `overlap` pixels of a tile blend into the one before, however far they overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.imaging.overlay import Box

Place = tuple[int, int]
"""(row, column) of a tile."""


@dataclass(frozen=True)
class Tiles:
    """How a picture of width x height is cut into tiles of tile_width x tile_height that overlap by at least `overlap` pixels.

    xs, ys: left and upper edges, ascending. A picture smaller than a tile has one tile that begins at a negative place: black above and at the left.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < min(self.tile_width, self.tile_height):
            raise InvalidRequest(
                f"Tiles of {self.tile_width} x {self.tile_height} pixels cannot overlap by {self.overlap}.",
                "Make the overlap smaller than the tiles, or the width and height larger.",
            )

    @cached_property
    def xs(self) -> tuple[int, ...]:
        return _starts(self.width, self.tile_width, self.overlap)

    @cached_property
    def ys(self) -> tuple[int, ...]:
        return _starts(self.height, self.tile_height, self.overlap)

    @property
    def count(self) -> int:
        return len(self.xs) * len(self.ys)

    def places(self) -> Iterator[Place]:
        """Row by row."""
        return ((row, column) for row in range(len(self.ys)) for column in range(len(self.xs)))

    def box(self, place: Place) -> Box:
        left, top = self.xs[place[1]], self.ys[place[0]]
        return left, top, left + self.tile_width, top + self.tile_height


def _starts(length: int, tile: int, overlap: int) -> tuple[int, ...]:
    count = max(1, -((overlap - length) // (tile - overlap)))
    step = (length - tile) / (count - 1) if count > 1 else 0.0
    return tuple(min(int(index * step), length - tile) for index in range(count))


def cut(image: Image.Image, tiles: Tiles, place: Place) -> Image.Image:
    """One tile of a picture of the size that `tiles` is for."""
    return image.crop(tiles.box(place))


def split(image: Image.Image, tiles: Tiles) -> dict[Place, Image.Image]:
    return {place: cut(image, tiles, place) for place in tiles.places()}


def join(parts: Mapping[Place, Image.Image], tiles: Tiles) -> Image.Image:
    """RGB from all tiles: first each row from left to right, then the rows from top to bottom."""
    ramp = (np.arange(tiles.overlap) * 255 / max(tiles.overlap, 1)).astype(np.uint8)
    across = Image.fromarray(np.tile(ramp, (tiles.tile_height, 1)))
    down = Image.fromarray(np.tile(ramp[:, None], (1, tiles.width)))
    sheet = Image.new("RGB", (tiles.width, tiles.height))
    for row, top in enumerate(tiles.ys):
        line = Image.new("RGB", (tiles.width, tiles.tile_height))
        for column, left in enumerate(tiles.xs):
            _lay(line, parts[row, column], left, 0, across, (1, 0) if left else (0, 0))
        _lay(sheet, line, 0, top, down, (0, 1) if top else (0, 0))
    return sheet


def _lay(sheet: Image.Image, part: Image.Image, left: int, top: int, ramp: Image.Image, along: tuple[int, int]) -> None:
    """Pastes `part`, its first pixels along x (1, 0) or y (0, 1) through the ramp; (0, 0): all of it as it is."""
    x, y = (ramp.width * along[0], ramp.height * along[1]) if min(ramp.size) > 0 else (0, 0)
    if x or y:
        sheet.paste(part.crop((0, 0, x or part.width, y or part.height)), (left, top), ramp)
    sheet.paste(part.crop((x, y, part.width, part.height)), (left + x, top + y))
