"""Maps of lines: white on black, as ControlNets for edges, line drawings and scribbles were trained on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
SURROUND = 6.0
"""Pixels of blur that a line must be darker than to count as one."""
FINE, BROAD = 0.5, 5.0
"""Pixels of the two blurs of a scribble."""


def canny(image: Pixels, low: float, high: float) -> Pixels:
    """Canny 1986, by OpenCV, of the picture's brightest-changing channel."""
    return _gray(np.asarray(cv2.Canny(np.ascontiguousarray(image), low, high), np.uint8))


def standard(image: Pixels) -> Pixels:
    """How much darker each pixel is than its surroundings, so strong that the middle one of all lines is half white."""
    pixels = image.astype(np.float32)
    darker = (cv2.GaussianBlur(pixels, (0, 0), SURROUND) - pixels).min(axis=2).clip(0, 255)
    visible = darker[darker > 8]
    middle = max(float(np.median(visible)) if visible.size else 0.0, 16.0)
    return _gray((darker / middle * 127).clip(0, 255).astype(np.uint8))


def scribble(image: Pixels, threshold: float) -> Pixels:
    """Difference of Gaussians, thresholded (Winnemöller et al. 2012): white where the fine picture is darker than the broad one in every channel."""
    pixels = image.astype(np.float32)
    difference = (cv2.GaussianBlur(pixels, (0, 0), BROAD) - cv2.GaussianBlur(pixels, (0, 0), FINE)).min(axis=2)
    return _gray(np.where(2 * difference > threshold, 255, 0).astype(np.uint8))


def binary(image: Pixels, threshold: float) -> Pixels:
    """White where every channel is brighter."""
    return _gray(np.where(image.min(axis=2) > threshold, 255, 0).astype(np.uint8))


def inverted(image: Pixels) -> Pixels:
    return 255 - image


def _gray(values: NDArray[np.uint8]) -> Pixels:
    return np.repeat(values[:, :, None], 3, axis=2)
