"""Draws a scene out of cut-outs. The same scene gives the same picture, to the bit. No torch.

Cut-outs are kept with their colours multiplied by their opacity, so that making one smaller and laying it down are two lines of arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from modules.training.starter import landscapes
from modules.training.starter.package import Cutout
from modules.training.starter.scenes import COLOURS, LANDSCAPES, Ground, Scene

BLOCKS = 32
"""Pixels that pixel art has in a row."""
AWAY = 8
"""How far a ground's colour may be from its name's, in levels of 255."""


class Drawing:
    """cutouts: what scenes may show. side: of the pictures, in pixels."""

    def __init__(self, cutouts: Sequence[Cutout], side: int) -> None:
        self.side = side
        self._images = {one.name: one.image for one in cutouts}
        self._smaller = lru_cache(maxsize=4 * len(cutouts))(self._reduced)

    def draw(self, scene: Scene) -> np.ndarray:
        """-> [side, side, 3] uint8."""
        dice = np.random.default_rng(scene.seed)
        canvas = self._ground(scene.ground, dice)
        for thing in scene.things:
            self._lay(canvas, thing.name, thing.x, thing.y, thing.size)
        return _styled(np.clip(canvas + 0.5, 0, 255).astype(np.uint8), scene.style)

    def _ground(self, ground: Ground, dice: np.random.Generator) -> np.ndarray:
        if ground.kind in LANDSCAPES:
            return landscapes.draw(ground.kind, self.side, dice)
        away = dice.uniform(-AWAY, AWAY, 3).astype(np.float32)
        colours = [np.asarray(COLOURS[name], np.float32) for name in ground.colours]
        down = np.linspace(0, 1, self.side, dtype=np.float32)[:, None]
        if ground.kind == "gradient":
            column = colours[0] * (1 - down) + colours[1] * down
        else:
            column = colours[0] * (1 + (down - 0.5) * np.float32(dice.uniform(-0.08, 0.0)))
        return np.repeat((column + away)[:, None, :], self.side, axis=1)

    def _lay(self, canvas: np.ndarray, name: str, x: float, y: float, size: float) -> None:
        long = max(1, round(size * self.side))
        near = 1 << max(0, (256 // max(long, 1)).bit_length() - 1)  # a copy that is a half, a quarter: less to shrink each time
        piece = np.asarray(self._smaller(name, near).resize((long, long), Image.Resampling.BICUBIC if long > 200 else Image.Resampling.HAMMING), np.float32)
        left, top = round(x * self.side - long / 2), round(y * self.side - long / 2)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + long, self.side), min(top + long, self.side)
        if x0 >= x1 or y0 >= y1:
            return
        seen = piece[y0 - top : y1 - top, x0 - left : x1 - left]
        spot = canvas[y0:y1, x0:x1]
        spot *= 1 - seen[..., 3:] / 255
        spot += seen[..., :3]

    def _reduced(self, name: str, times: int) -> Image.Image:
        image = self._images[name]
        return image if times == 1 else image.reduce(times)


def _styled(pixels: np.ndarray, style: str) -> np.ndarray:
    if not style:
        return pixels
    image = Image.fromarray(pixels)
    if style == "pixel art":
        small = image.resize((BLOCKS, BLOCKS), Image.Resampling.BOX).quantize(24, Image.Quantize.MEDIANCUT).convert("RGB")
        return np.asarray(small.resize(image.size, Image.Resampling.NEAREST))
    gray = image.convert("L")
    if style == "pencil sketch":  # dodged by its own blurred negative: what is flat becomes paper, edges stay
        light = np.asarray(gray, np.float32)
        soft = np.asarray(gray.filter(ImageFilter.GaussianBlur(image.width / 64)), np.float32)
        drawn = np.clip(light / np.maximum(soft, 1) * 250, 0, 250)
        drawn = drawn - (250 - light) * 0.12
        gray = Image.fromarray(np.clip(drawn, 0, 255).astype(np.uint8))
    return np.repeat(np.asarray(gray)[..., None], 3, axis=2)


def box_of(scene: Scene, side: int) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the first thing, in pixels of the picture."""
    thing = scene.things[0]
    return (
        max(0, int((thing.x - thing.size / 2) * side)), max(0, int((thing.y - thing.size / 2) * side)),
        min(side, int((thing.x + thing.size / 2) * side + 1)), min(side, int((thing.y + thing.size / 2) * side + 1)),
    )  # fmt: skip
