"""Pictures to tensors and back, and pictures without transparency. Knows no latents.

Source: the project's notes on A1111: values are truncated to 8 bits, not rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageColor
from torch import Tensor

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


def to_tensor(images: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size -> [B, 3, H, W] float32 in -1..1."""
    array = np.stack([np.asarray(image.convert("RGB"), np.float32) for image in images])
    return torch.from_numpy(array).div(255).permute(0, 3, 1, 2).contiguous().mul(2).sub(1)


def to_images(pixels: Tensor) -> list[Image.Image]:
    """[B, 3, H, W] around -1..1 -> RGB pictures; values are clamped, then truncated to 8 bits."""
    array = ((pixels.float() + 1) / 2).clamp(0, 1).mul(255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(picture) for picture in array]
