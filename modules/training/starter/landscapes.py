"""Six procedural landscapes: a sky over a ground, each in shades of its own that differ a little from scene to scene. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Land(NamedTuple):
    """sky, ground: colours at their top and bottom. horizon: from where to where it may lie, as shares of the height."""

    sky: tuple[tuple[int, int, int], tuple[int, int, int]]
    ground: tuple[tuple[int, int, int], tuple[int, int, int]]
    horizon: tuple[float, float] = (0.56, 0.68)


LANDS: Mapping[str, Land] = {
    "meadow": Land(((118, 184, 242), (206, 232, 250)), ((132, 196, 72), (70, 142, 44))),
    "beach": Land(((104, 180, 242), (190, 226, 248)), ((240, 216, 160), (224, 190, 124))),
    "desert": Land(((250, 196, 100), (254, 230, 166)), ((222, 168, 96), (186, 124, 62))),
    "snow": Land(((150, 178, 214), (216, 228, 242)), ((250, 252, 255), (222, 232, 246))),
    "night": Land(((12, 14, 48), (40, 38, 92)), ((18, 26, 34), (8, 12, 18))),
    "sea": Land(((126, 190, 242), (212, 234, 250)), ((40, 112, 186), (14, 62, 134))),
}
STARS = 26


def draw(kind: str, side: int, dice: np.random.Generator) -> Floats:
    """-> [side, side, 3] float32, 0..255."""
    land = LANDS[kind]
    height = dice.uniform(*land.horizon)
    rows: Floats = (np.arange(side, dtype=np.float32) + 0.5) / np.float32(side)
    columns = rows
    line = np.full(side, height, np.float32)
    if kind in ("meadow", "desert", "snow"):  # hills
        line += 0.018 * np.sin(columns * dice.uniform(4, 9) + dice.uniform(0, 6.28)).astype(np.float32)
    shift = dice.uniform(-9, 9, (2, 3)).astype(np.float32)
    sky = _shade(land.sky, rows / np.float32(height)) + shift[0]
    ground = _shade(land.ground, (rows - np.float32(height)) / np.float32(1 - height)) + shift[1]
    below = np.clip((rows[:, None] - line[None, :]) * side + 0.5, 0, 1)[..., None].astype(np.float32)
    canvas = sky[:, None, :] * (1 - below) + ground[:, None, :] * below
    if kind == "night":
        _stars(canvas, int(height * side * 0.94), dice)
    elif kind in ("sea", "beach"):
        _waves(canvas, kind, height, side, dice)
    return canvas


def _shade(colours: tuple[tuple[int, int, int], tuple[int, int, int]], share: Floats) -> Floats:
    """-> [n, 3]"""
    first, last = (np.asarray(colour, np.float32) for colour in colours)
    return first + (last - first) * np.clip(share, 0, 1)[:, None]


def _stars(canvas: Floats, height: int, dice: np.random.Generator) -> None:
    side = len(canvas)
    large = max(1, side // 128)
    for y, x, light in zip(dice.integers(0, height, STARS), dice.integers(0, side, STARS), dice.uniform(0.45, 1, STARS), strict=True):
        spot = canvas[y : y + large, x : x + large]
        spot += (np.array((255, 250, 232), np.float32) - spot) * np.float32(light)


def _waves(canvas: Floats, kind: str, height: float, side: int, dice: np.random.Generator) -> None:
    """Of a beach the strip of water behind it; of the sea lighter lines."""
    top = int(height * side)
    if kind == "beach":
        depth = max(2, int(side * 0.09))
        canvas[top - depth : top] = np.array((62, 140, 206), np.float32) + dice.uniform(-8, 8, 3).astype(np.float32)
        canvas[top : top + max(1, side // 128)] = np.array((238, 244, 246), np.float32)
        return
    for _ in range(7):
        y, x, long = dice.integers(top + 1, side), dice.integers(0, side), dice.integers(side // 12, side // 5)
        canvas[y : y + max(1, side // 128), x : x + long] += 22
