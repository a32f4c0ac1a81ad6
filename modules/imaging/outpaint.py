"""Pictures that grow at their edges: canvases, masks and crops for the jobs of A1111's two outpainting scripts. Data only; the jobs run elsewhere.

Rules: the project's notes on A1111 (outpainting). Mk2 grows one side at a time, with noise shaped by the picture; poor man's all at once, in tiles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from modules.core.errors import InvalidRequest
from modules.imaging.overlay import Box
from modules.imaging.shaped_noise import shaped_noise
from modules.imaging.sizes import filled
from modules.imaging.tiles import Place, Tiles, join, split

Direction = Literal["left", "right", "up", "down"]
DIRECTIONS: tuple[Direction, ...] = ("left", "right", "up", "down")
"""In the order in which mk2 grows them."""

MULTIPLE = 64
"""Pixels: the grown picture's sides are multiples of it."""
MK2_BLUR, POOR_BLUR = 4, 2
"""How much wider the mask's blur is than the number that the user gives."""


class Growth(NamedTuple):
    """Pixels added at each side, and the size of the canvas: multiples of 64."""

    left: int
    right: int
    up: int
    down: int
    width: int
    height: int

    def sides(self) -> list[tuple[Direction, int]]:
        """The growing sides and their pixels, in the order in which mk2 takes them."""
        return [(name, pixels) for name, pixels in zip(DIRECTIONS, self, strict=False) if pixels]


def growth(size: tuple[int, int], pixels: int, directions: Collection[str]) -> Growth:
    """`pixels` at each chosen side, and more where needed to make the canvas a multiple of 64: shared by both ends if both grow, the odd one right or
    down. Where neither end grows, the canvas may still be wider or higher than the picture; that strip belongs to no side. Raises InvalidRequest."""
    for name in directions:
        if name not in DIRECTIONS:
            raise InvalidRequest(f"{str(name)[:40]!r} is no direction.", f"Choose among {', '.join(DIRECTIONS)}.")

    def ends(length: int, first: str, last: str) -> tuple[int, int, int]:
        asked = [pixels if name in directions else 0 for name in (first, last)]
        whole = filled(length + sum(asked), MULTIPLE)
        start = asked[0] * (whole - length) // sum(asked) if asked[0] else 0
        return start, whole - length - start if asked[1] else 0, whole

    left, right, width = ends(size[0], "left", "right")
    up, down, height = ends(size[1], "up", "down")
    return Growth(left, right, up, down, width, height)


@dataclass(frozen=True)
class Extension:
    """One job of mk2. image, mask, latent: what the job is given, of one size; masks are L, 255 = repainted, the first to be blurred by `blur`.
    canvas: the whole picture with noise where it grows. size: what is kept of it, from the upper left."""

    direction: Direction
    image: Image.Image
    mask: Image.Image
    latent: Image.Image
    blur: tuple[int, int]
    canvas: Image.Image
    size: tuple[int, int]


def extension(
    image: Image.Image, direction: Direction, pixels: int, blur: tuple[int, int], limit: tuple[int, int], *, falloff: float = 1.0, variation: float = 0.05
) -> Extension:
    """An RGB picture about to grow by `pixels` on one side. blur: mk2's mask blur in x and y, 0 for a direction in which no side grows at all.
    limit: largest width (growing left or right) and height (up or down) of a job; in the other direction it takes the whole canvas.
    falloff, variation: as in `shaped_noise`.
    """
    across = direction in ("left", "right")
    size = (image.width + pixels, image.height) if across else (image.width, image.height + pixels)
    whole = filled(size[0], MULTIPLE), filled(size[1], MULTIPLE)
    canvas = Image.new("RGB", whole)
    canvas.paste(image, (pixels if direction == "left" else 0, pixels if direction == "up" else 0))
    mask = _keeping(whole, _kept(whole, size, direction, pixels, blur))
    noise = shaped_noise(np.asarray(canvas) / 255, np.asarray(mask.convert("RGB")) / 255, falloff, variation)
    canvas = Image.fromarray((noise * 255).clip(0, 255).astype(np.uint8))

    job = (min(limit[0], size[0]), whole[1]) if across else (whole[0], min(limit[1], size[1]))
    left, top = _corner(direction, whole, job)
    box = left, top, left + job[0], top + job[1]
    latent = _keeping(job, _kept(job, size, direction, pixels, (2 * blur[0], 2 * blur[1])))
    return Extension(direction, canvas.crop(box), mask.crop(box), latent, (MK2_BLUR * blur[0], MK2_BLUR * blur[1]), canvas, size)


def extended(work: Extension, result: Image.Image) -> Image.Image:
    """The grown RGB picture, from the job's result (which may be some pixels smaller than its picture was)."""
    canvas = work.canvas.copy()
    canvas.paste(result, _corner(work.direction, canvas.size, result.size))
    return canvas.crop((0, 0, *work.size))


def _kept(sheet: tuple[int, int], size: tuple[int, int], direction: Direction, pixels: int, blur: tuple[int, int]) -> Box:
    """What a mask of the size `sheet` keeps: all but the growing side and a margin for the blur. Ends are inside."""
    (x, y), (width, height) = blur, size
    return (
        pixels + x if direction == "left" else 0,
        pixels + y if direction == "up" else 0,
        sheet[0] - pixels - x if direction == "right" else width,
        sheet[1] - pixels - y if direction == "down" else height,
    )


def _keeping(size: tuple[int, int], kept: Box) -> Image.Image:
    """L: white, black from kept's left and top to its right and bottom, ends included; all white where they are the wrong way round."""
    mask = Image.new("L", size, 255)
    if kept[0] <= kept[2] and kept[1] <= kept[3]:
        ImageDraw.Draw(mask).rectangle(kept, fill=0)
    return mask


def _corner(direction: Direction, sheet: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    """Where a part lies that reaches to the growing side."""
    return (0 if direction == "left" else sheet[0] - part[0]), (0 if direction == "up" else sheet[1] - part[1])


@dataclass(frozen=True)
class PoorMans:
    """A picture grown at all sides at once. canvas: RGB, black where it grows. mask, latent: L of its size, the first to be blurred
    by `blur`. inside: where the picture lies. Each tile that reaches beyond it is a job."""

    canvas: Image.Image
    mask: Image.Image
    latent: Image.Image
    blur: int
    inside: Box
    tiles: Tiles

    def jobs(self) -> Iterator[tuple[Place, Image.Image, Image.Image, Image.Image]]:
        """(place, picture, mask, latent mask) of each tile that is not wholly picture, row by row."""
        for place in self.tiles.places():
            box = left, top, right, bottom = self.tiles.box(place)
            if left < self.inside[0] or top < self.inside[1] or right > self.inside[2] or bottom > self.inside[3]:
                yield place, self.canvas.crop(box), self.mask.crop(box), self.latent.crop(box)

    def joined(self, results: dict[Place, Image.Image]) -> Image.Image:
        """RGB: the results in their places; tiles without one stay as they are."""
        return join({**split(self.canvas, self.tiles), **results}, self.tiles)


def poor_mans(image: Image.Image, pixels: int, blur: int, directions: Collection[str], tile: tuple[int, int]) -> PoorMans:
    """An RGB picture about to grow by `pixels` at the chosen sides, in tiles that overlap by as much. blur: the script's mask blur."""
    sides = growth(image.size, pixels, directions)
    size = sides.width, sides.height
    canvas = Image.new("RGB", size)
    canvas.paste(image, (sides.left, sides.up))
    inside = sides.left, sides.up, size[0] - sides.right, size[1] - sides.down

    def keeping(margin: int) -> Image.Image:
        grown = (sides.left > 0, sides.up > 0, sides.right > 0, sides.down > 0)
        left, top, right, bottom = (margin if side else 0 for side in grown)
        return _keeping(size, (inside[0] + left, inside[1] + top, inside[2] - right, inside[3] - bottom))

    return PoorMans(canvas, keeping(POOR_BLUR * blur), keeping(blur // 2), POOR_BLUR * blur, inside, Tiles(*size, *tile, pixels))
