"""Joins what was drawn to what was there, so that no seam shows: the drawn part takes on the known one's error-free colours along the border, and the two
cross over within a band. Knows no network.

What the autoencoder does to the known part, it does to the drawn one beside it; the difference is laid over the drawn part as a membrane: fixed where the
original begins, harmonic beyond. Source: P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing", 2003, section 2, in its form as an interpolated correction.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from modules.imaging.margins import Known, Pixels

Floats = NDArray[np.float32]

SWEEPS = 12
"""Of Jacobi's iteration at each scale; the coarser scales have done the far distances already."""
CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def joined(pixels: Pixels, known: Known, drawn: Pixels, feather: int) -> Pixels:
    """[H, W, 3]: `drawn` where nothing is known, `pixels` to the bit where they lie farther than `feather` pixels from that, and a crossing in between.
    known: [H, W]; all three of one size."""
    if known.all():
        return pixels
    distance = cv2.distanceTransform(known.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    kept = known & (distance > feather)
    share = np.where(known, (distance - 0.5).clip(0, None) / max(feather, 1), 0).clip(0, 1)
    share = np.where(kept, 1, share * share * (3 - 2 * share))[..., None]
    original, new = pixels.astype(np.float32), drawn.astype(np.float32)
    if kept.any():
        new = new + membrane(original - new, kept)
    mixed = (share * original + (1 - share) * new).round().clip(0, 255).astype(np.uint8)
    return np.where(kept[..., None], pixels, mixed)


def membrane(values: Floats, known: Known) -> Floats:
    """[H, W, C]: `values` where they are known (somewhere), and between them the smoothest surface that meets them; flat towards the picture's rim."""
    height, width = known.shape
    if known.all() or max(height, width) <= 2:
        weight = known.astype(np.float32)[..., None]
        mean = (values * weight).sum((0, 1)) / weight.sum()
        return np.where(known[..., None], values, mean).astype(np.float32)
    coarse = membrane(*_halved(values, known))
    surface = _with_channels(cv2.resize(coarse, (width + width % 2, height + height % 2), interpolation=cv2.INTER_LINEAR))[:height, :width]
    for _ in range(SWEEPS):
        surface = np.where(known[..., None], values, surface)
        surface = _with_channels(cv2.filter2D(surface, -1, CROSS, borderType=cv2.BORDER_REPLICATE))
    return np.where(known[..., None], values, surface).astype(np.float32)


def _halved(values: Floats, known: Known) -> tuple[Floats, Known]:
    """Means over 2 x 2 pixels of what is known there."""
    height, width = known.shape
    odd = ((0, height % 2), (0, width % 2))
    weights = np.pad(known.astype(np.float32), odd)
    sums = np.pad(np.where(known[..., None], values, 0), (*odd, (0, 0)))
    rows, columns = weights.shape[0] // 2, weights.shape[1] // 2
    weight = weights.reshape(rows, 2, columns, 2).sum((1, 3))
    total = sums.reshape(rows, 2, columns, 2, -1).sum((1, 3))
    return (total / np.maximum(weight, 1)[..., None]).astype(np.float32), weight > 0


def _with_channels(array: NDArray[Any]) -> Floats:
    """OpenCV drops a last axis of length 1."""
    return array if array.ndim == 3 else array[..., None]
