"""Pictures brought to another size: stretched, cropped, or filled up at the edges. Knows no latents (`latents.resize`) and no networks.

Rules: the project's notes on A1111 (img2img, SD upscale). An upscaler that needs a network is handed in as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum

from PIL import Image

from modules.imaging.sizes import contain, cover, snapped

LANCZOS, BICUBIC, NEAREST = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.NEAREST

CALLS = 3
"""How often an upscaler with a factor of its own is called at most: three times fourfold is 64 times the side."""

Upscaler = Callable[[Image.Image, float], Image.Image]
"""(picture, wanted scale) -> a larger picture. One with a factor of its own (a network) may disregard the scale."""


class ResizeMode(IntEnum):
    """A1111's numbers."""

    STRETCH = 0
    CROP = 1
    FILL = 2
    LATENT = 3


def _resampled(resample: Image.Resampling) -> Upscaler:
    return lambda image, scale: image.resize((max(1, int(image.width * scale)), max(1, int(image.height * scale))), resample)


UPSCALERS: Mapping[str, Upscaler | None] = {"None": None, "Lanczos": _resampled(LANCZOS), "Nearest": _resampled(NEAREST)}
"""Those that need no weights. None: no upscaler; where a size must be reached it is reached by Lanczos."""


def upscale(image: Image.Image, scale: float, upscaler: Upscaler) -> Image.Image:
    """Enlarged `scale` times, to sides floored to multiples of 8.

    The upscaler is called until both sides reach the target: at most three times, once even at scale 1, no more once a call changes nothing.
    What then misses the target goes there by Lanczos.
    """
    target = max(1, snapped(image.width * scale)), max(1, snapped(image.height * scale))
    for call in range(CALLS):
        if image.width >= target[0] and image.height >= target[1] and (call or scale != 1):
            break
        before = image.size
        image = upscaler(image, scale)
        if image.size == before:
            break
    return image if image.size == target else image.resize(target, LANCZOS)


def stretch(image: Image.Image, width: int, height: int, upscaler: Upscaler | None = None) -> Image.Image:
    """To exactly width x height. A picture that must grow goes through the upscaler first, unless it is grey (masks)."""
    scale = max(width / image.width, height / image.height)
    if upscaler is not None and image.mode != "L" and scale > 1:
        image = upscale(image, scale, upscaler)
    return image if image.size == (width, height) else image.resize((width, height), LANCZOS)


def resize_image(mode: int, image: Image.Image, width: int, height: int, upscaler: Upscaler | None = None) -> Image.Image:
    """A picture (L, RGB or RGBA) at width x height, of the same mode.

    STRETCH: without regard to proportions. CROP: scaled to cover, the rest cut off. FILL: scaled to lie within, the edges stretched over what is
    left. LATENT is a matter of latents; a picture that must have the size already (a mask, the original that is laid over) is stretched likewise.
    """
    if mode in (ResizeMode.STRETCH, ResizeMode.LATENT):
        return stretch(image, width, height, upscaler)
    fit = (cover if mode == ResizeMode.CROP else contain)(image.size, (width, height))
    scaled = stretch(image, fit.width, fit.height, upscaler)
    sheet = Image.new(image.mode, (width, height))
    sheet.paste(scaled, (fit.left, fit.top))
    if mode == ResizeMode.FILL:
        _stretch_edges(sheet, scaled, fit.left, fit.top)
    return sheet


def _stretch_edges(sheet: Image.Image, scaled: Image.Image, left: int, top: int) -> None:
    """Each edge of `scaled`, which lies at (left, top), over the gap beside it. The edge's colour is what a bicubic kernel sees there."""
    width, height = scaled.size
    right, bottom = sheet.width - left - width, sheet.height - top - height
    gaps = (
        ((left, height), (0, 0, 0, height), (0, top)),
        ((right, height), (width, 0, width, height), (left + width, top)),
        ((width, top), (0, 0, width, 0), (left, 0)),
        ((width, bottom), (0, height, width, height), (left, top + height)),
    )
    for size, box, place in gaps:
        if min(size) > 0:
            sheet.paste(scaled.resize(size, BICUBIC, box), place)
