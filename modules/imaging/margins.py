"""What the parts of a picture start from that are not drawn yet: its edges stretched, or noise in its manner. Knows no network."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from modules.imaging.shaped_noise import shaped_noise

Pixels = NDArray[np.uint8]
Known = NDArray[np.bool_]


def stretched(pixels: Pixels, known: Known) -> Pixels:
    """[H, W, 3]: everywhere the colour of the nearest known pixel. known: [H, W], True somewhere."""
    hidden = np.where(known, 0, 1).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(hidden, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    colors = np.zeros((nearest.max() + 1, pixels.shape[-1]), np.uint8)
    colors[nearest[known]] = pixels[known]
    return colors[nearest]


def noisy(pixels: Pixels, known: Known) -> Pixels:
    """[H, W, 3]: mk2's shaped noise where nothing is known. Always the same for the same picture."""
    hidden = np.repeat(~known[..., None], pixels.shape[-1], -1)
    source = np.where(hidden, 0, pixels) / 255
    return (shaped_noise(source, hidden.astype(np.float64)) * 255).round().clip(0, 255).astype(np.uint8)
