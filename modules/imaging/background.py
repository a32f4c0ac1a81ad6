"""Colours by name, and pictures without transparency. Knows no tensors. Rule: the project's notes on A1111 (img2img: a white background by default)."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageColor

from modules.core.errors import InvalidRequest


def color(text: str) -> tuple[int, int, int]:
    """ "#rrggbb" or a CSS name -> red, green, blue. Raises InvalidRequest."""
    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError:
        raise InvalidRequest(f"{text[:40]!r} is no colour.", "Write it as #rrggbb, for example #ffffff.") from None


def flatten(image: Image.Image, background: str = "#ffffff") -> Image.Image:
    """Any picture as RGB; what is transparent shows the background. 16-bit greys keep their upper 8 bits."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        front = image.convert("RGBA")
        image = Image.new("RGBA", front.size, color(background))
        image.paste(front, mask=front)
    return image.convert("RGB")
