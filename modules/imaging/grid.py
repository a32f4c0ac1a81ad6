"""Several pictures laid out as one. Knows nothing of what they show; labels are `legend`'s. Source: the project's notes on A1111 (grids)."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isqrt, sqrt
from typing import NamedTuple

from PIL import Image

from modules.core.errors import InvalidRequest
from modules.imaging.background import color


class Layout(NamedTuple):
    rows: int
    columns: int


def layout(pictures: int, rows: int | None = None, *, full: bool = False) -> Layout:
    """How `pictures` are spread. rows: asked for, at most one for each picture; None: about as many rows as columns.
    full: only a number of rows that leaves no cell empty (the largest divisor up to the square root)."""
    if pictures < 1:
        raise InvalidRequest("A grid needs at least one picture, and it was given none.", "Make a picture first.")
    if rows is not None:
        rows = max(1, min(rows, pictures))
    elif full:
        rows = next(count for count in range(isqrt(pictures), 0, -1) if pictures % count == 0)
    else:
        rows = round(sqrt(pictures))
    return Layout(rows, ceil(pictures / rows))


def cell_size(images: Sequence[Image.Image]) -> tuple[int, int]:
    """Width and height that hold each of the pictures."""
    return max(image.width for image in images), max(image.height for image in images)


def grid(images: Sequence[Image.Image], rows: int | None = None, *, full: bool = False, background: str = "#ffffff") -> Image.Image:
    """The pictures row by row in cells of the largest width and height, smaller ones in the middle of theirs. rows, full: as in `layout`."""
    spread = layout(len(images), rows, full=full)
    width, height = cell_size(images)
    sheet = Image.new("RGB", (spread.columns * width, spread.rows * height), color(background))
    for index, image in enumerate(images):
        row, column = divmod(index, spread.columns)
        sheet.paste(image, (column * width + (width - image.width) // 2, row * height + (height - image.height) // 2))
    return sheet
