"""Colour correction: a result takes over the colours of the picture it was made from and keeps its own light. Knows no network.

Rule: the project's notes on A1111: histograms are matched in LAB, then the result's luminosity is laid over (the blend mode of that name,
as in the W3C's Compositing and Blending, 10.2).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WEIGHTS = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue in the luminosity."""
BAND = 256
"""Rows that are worked on at a time, so that a large picture needs little memory."""


def correct(image: Image.Image, target: Image.Image) -> Image.Image:
    """RGB: `image` in the colours of `target` (RGB, any size: what the VAE was given)."""
    lab = cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2LAB)
    wanted = cv2.cvtColor(np.asarray(target.convert("RGB")), cv2.COLOR_RGB2LAB)
    # cut to 8 bits, not rounded
    matched = np.stack([matched_values(lab[..., channel], wanted[..., channel]) for channel in range(3)], -1).astype(np.uint8)
    return lit(Image.fromarray(cv2.cvtColor(matched, cv2.COLOR_LAB2RGB)), image)


def matched_values(values: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """`values` (any shape) mapped so that their distribution is that of `target`: each goes to the target's value at the same share of all
    values below or equal to it, linearly between the target's values. Gonzalez & Woods, Digital Image Processing, "histogram specification"."""
    if values.dtype == np.uint8:  # without sorting, many times faster
        places, counts = values.ravel(), np.bincount(values.ravel(), minlength=256)
    else:
        _, places, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    known, known_counts = np.unique(target.ravel(), return_counts=True)
    shares, known_shares = np.cumsum(counts) / values.size, np.cumsum(known_counts) / target.size
    return np.interp(shares, known_shares, known.astype(np.float64))[places].reshape(values.shape)


def lit(image: Image.Image, light: Image.Image) -> Image.Image:
    """RGB: the colours of `image` with the luminosity of `light` (same size)."""
    colors, lights = np.array(image.convert("RGB")), np.asarray(light.convert("RGB"))
    for start in range(0, len(colors), BAND):
        rows = slice(start, start + BAND)
        colors[rows] = _lit(colors[rows] / 255, lights[rows] / 255) * 255
    return Image.fromarray(colors)


def _lit(colors: NDArray[np.float64], light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Both [H, W, 3] in 0..1. Colours that leave 0..1 are drawn towards their luminosity, all three channels alike."""
    colors = colors + (light @ WEIGHTS - colors @ WEIGHTS)[..., None]
    luma = (colors @ WEIGHTS)[..., None]
    low, high = colors.min(-1, keepdims=True), colors.max(-1, keepdims=True)
    # the least distance keeps a grey that lies a rounding error outside of 0..1 from being divided by zero
    colors = np.where(low < 0, luma + (colors - luma) * luma / np.maximum(luma - low, 1e-9), colors)
    colors = np.where(high > 1, luma + (colors - luma) * (1 - luma) / np.maximum(high - luma, 1e-9), colors)
    return colors.clip(0, 1)
