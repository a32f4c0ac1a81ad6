"""Maps of colours and tones: coarser, blurred, stirred, without colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
FLOW = 256
"""Pixels across which the stirring of a shuffled picture turns."""
CELL = 64
"""Pixels of one cell of a colour grid."""
STIR = 42
"""Seed of the stirring: the same picture is always stirred alike."""


def coarser(image: Pixels, rate: float) -> Pixels:
    """Smaller by this factor."""
    height, width = image.shape[:2]
    if rate <= 1:
        return image
    return _bytes(cv2.resize(image, (max(round(width / rate), 1), max(round(height / rate), 1)), interpolation=cv2.INTER_AREA))


def blurred(image: Pixels, sigma: float) -> Pixels:
    return _bytes(cv2.GaussianBlur(image, (0, 0), sigma))


def stirred(image: Pixels) -> Pixels:
    """Each pixel from a place that a smooth random flow names."""
    height, width = image.shape[:2]
    draw = np.random.Generator(np.random.PCG64(STIR))
    return _bytes(cv2.remap(image, _flow(draw, height, width) * (width - 1), _flow(draw, height, width) * (height - 1), cv2.INTER_LINEAR))


def _flow(draw: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """[H, W] in 0..1: noise at a few points, drawn out smoothly."""
    coarse = draw.uniform(0, 1, (height // FLOW + 3, width // FLOW + 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width + FLOW, height + FLOW), interpolation=cv2.INTER_CUBIC)[FLOW // 2 :, FLOW // 2 :][:height, :width]
    span = smooth.max() - smooth.min()
    return ((smooth - smooth.min()) / span).astype(np.float32) if span > 0 else np.zeros_like(smooth)


def luminance(image: Pixels, gamma: float) -> Pixels:
    """Lightness of CIE L*a*b*, bent by gamma."""
    return _bent(_bytes(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2LAB))[:, :, 0], gamma)


def intensity(image: Pixels, gamma: float) -> Pixels:
    """The strongest channel (V of HSV), bent by gamma."""
    return _bent(image.max(axis=2), gamma)


def grid(image: Pixels) -> Pixels:
    """The mean colour of each cell, all over the cell."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(width // CELL, 1), max(height // CELL, 1)), interpolation=cv2.INTER_AREA)
    return _bytes(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST))


def _bytes(values: object) -> Pixels:
    return np.asarray(values, np.uint8)


def _bent(values: NDArray[np.uint8], gamma: float) -> Pixels:
    bent = (255 * (values.astype(np.float32) / 255) ** gamma).round().clip(0, 255).astype(np.uint8)
    return np.repeat(bent[:, :, None], 3, axis=2)
