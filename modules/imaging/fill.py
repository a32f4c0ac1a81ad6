"""Masked content "fill": the colours around the mask, blurred into it, for the network to start from. Rule: the project's notes on A1111."""

from __future__ import annotations

from PIL import Image, ImageFilter

from modules.imaging.overlay import cutout
from modules.imaging.resize import stretch

BLURS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))
"""(radius in pixels, how often laid on), from far to near: the sharper and thicker layers win where they reach; the last is the picture itself."""


def fill(image: Image.Image, mask: Image.Image) -> Image.Image:
    """RGB with what `mask` (L, 255 = repainted; stretched if of another size) hides replaced by a pyramid of blurs of the rest. A1111 does so for
    every masked content but "original"; what is not hidden at all stays exact."""
    rest = cutout(image, stretch(mask, *image.size))
    sheet = Image.new("RGBA", image.size)
    for radius, times in BLURS:
        layer = rest.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            sheet.alpha_composite(layer)
    return sheet.convert("RGB")
