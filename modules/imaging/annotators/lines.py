"""Maps of lines: white on black, as ControlNets for edges, line drawings and scribbles were trained on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
SURROUND = 6.0
"""Pixels of blur that a line must be darker than to count as one."""
STROKE = 3.0
"""Pixels of blur before ridges are looked for, and by which they are widened."""
WAYS = tuple(np.array(rows, np.uint8) for rows in ([[0] * 3, [1] * 3, [0] * 3], [[0, 1, 0]] * 3, np.eye(3), np.eye(3)[::-1]))
"""The pixels beside one along a row, a column and both diagonals."""
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


def stepped(image: Pixels) -> Pixels:
    """Black, grey and white: between them nothing of the picture shows through soft edges."""
    return np.asarray(np.minimum(image.astype(np.int32) * 3 // 255, 2) * 255 // 2, np.uint8)


def stroked(image: Pixels) -> Pixels:
    """Soft edges as strokes: their ridges, in one of four directions, widened again."""
    soft = cv2.GaussianBlur(image[:, :, 0].astype(np.float32), (0, 0), STROKE)
    ridges = np.zeros(soft.shape, bool)
    for way in WAYS:
        ridges |= cv2.dilate(soft, way) == soft
    broad = cv2.GaussianBlur(np.where(ridges & (soft > 127), 255, 0).astype(np.uint8), (0, 0), STROKE)
    return _gray(np.where(broad > 4, 255, 0).astype(np.uint8))


def inverted(image: Pixels) -> Pixels:
    return 255 - image


def _gray(values: NDArray[np.uint8]) -> Pixels:
    return np.repeat(values[:, :, None], 3, axis=2)
