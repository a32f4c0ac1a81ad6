"""Faces on a picture: turned upright into a square of their own, and laid back where they were. Knows no network; who finds the points and who draws is the caller's matter.

The square is FFHQ's, in which networks for faces are trained: https://github.com/NVlabs/ffhq-dataset; the five places in it are facexlib's.
"""

from __future__ import annotations

import cv2
import numpy as np

PLACES = np.array([[192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935], [201.26117, 371.41043], [313.08905, 371.15118]]) / 512
"""Left eye, right eye, nose, left and right corner of the mouth as one sees them: x, y in parts of the square's side."""
BESIDE = (135, 133, 132)
"""What stands in a square that reaches beyond the picture: facexlib's grey."""
SOFT = 1 / 8
"""Part of the square's side within which a face fades into the picture."""


def turn(points: np.ndarray, side: int) -> np.ndarray:
    """points [5, 2] on a picture -> the map [2, 3] from it into a square of that side: shift, rotation and one scale, least squares, nothing mirrored."""
    source, target = (xy[:, 0] + 1j * xy[:, 1] for xy in (points.astype(float), PLACES * side))
    off, aim = source - source.mean(), target - target.mean()
    factor = np.vdot(off, aim) / max(np.vdot(off, off).real, 1e-12)
    shift = target.mean() - factor * source.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def cut(picture: np.ndarray, into: np.ndarray, side: int) -> np.ndarray:
    """picture uint8 [H, W, 3], into: the map of `turn` -> the square uint8 [side, side, 3]. Averages where it shrinks much."""
    scale = np.hypot(into[0, 0], into[1, 0])
    if scale < 0.5:
        small = cv2.resize(picture, (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1)), interpolation=cv2.INTER_AREA)
        factors = np.array([picture.shape[1] / small.shape[1], picture.shape[0] / small.shape[0]])
        into = np.hstack([into[:, :2] * factors, into[:, 2:] + into[:, :2] @ (factors[:, None] - 1) / 2])  # centres of pixels, not corners, coincide
        picture = small
    return cv2.warpAffine(picture, into, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=BESIDE)


def laid(picture: np.ndarray, face: np.ndarray, into: np.ndarray, visibility: float = 1.0) -> None:
    """Draws a square of `cut`, changed since, over the picture it came from, in place and softly."""
    side = face.shape[0]
    back = cv2.invertAffineTransform(into)
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]]) @ back[:, :2].T + back[:, 2]
    left, top = np.clip(np.floor(corners.min(0)), 0, [picture.shape[1], picture.shape[0]]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0)) + 1, 0, [picture.shape[1], picture.shape[0]]).astype(int)
    if left >= right or top >= bottom:
        return
    back[:, 2] -= left, top
    size = (int(right - left), int(bottom - top))
    drawn = cv2.warpAffine(face, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    weight = cv2.warpAffine(fading(side), back, size, flags=cv2.INTER_LINEAR)[..., None] * visibility
    part = picture[top:bottom, left:right]
    part[:] = np.rint(part * (1 - weight) + drawn * weight).clip(0, 255).astype(np.uint8)


def fading(side: int) -> np.ndarray:
    """float32 [side, side]: 1 in the middle, smoothly 0 at the edges."""
    away = (np.minimum(np.arange(side), np.arange(side)[::-1]) / (side * SOFT)).clip(0, 1)
    ramp = away * away * (3 - 2 * away)
    return np.outer(ramp, ramp).astype(np.float32)
