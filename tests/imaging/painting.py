"""Pictures for the tests of this folder."""

from __future__ import annotations

import numpy as np
from PIL import Image

SEEDED = np.random.default_rng


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """RGB, every value random: whatever is touched shows."""
    return Image.fromarray(SEEDED(seed).integers(0, 256, (height, width, 3), np.uint8))


def ramp(width: int, height: int) -> Image.Image:
    """RGB that changes slowly in both directions."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), np.full_like(x, 128)], -1).astype(np.uint8))


def box_mask(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    """L, 255 inside left, top, right, bottom."""
    mask = Image.new("L", (width, height))
    mask.paste(255, box)
    return mask


def values(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)
