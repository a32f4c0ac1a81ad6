"""Where a picture grows, in windows that the network can hold: side by side, each no larger than suits the model. Numbers only; no pictures, no torch.

Why so: docs/decisions/0006-outpainting-in-windows.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from modules.imaging.overlay import Box
from modules.imaging.sizes import LATENT, filled, snapped


class Sides(NamedTuple):
    """Pixels added at each side."""

    left: int
    right: int
    up: int
    down: int


class Window(NamedTuple):
    """shown: what the network sees; its sides are multiples of 8, so it may reach beyond what is there. kept: the part of it that becomes part of the picture."""

    shown: Box
    kept: Box


@dataclass(frozen=True)
class Growing:
    """Of a picture that grows. sheet: pixels of what is drawn on, whole latents at each growing side. picture: where the picture lies in it.
    asked: the part of the sheet that was asked for. windows: what is drawn, in order."""

    sheet: tuple[int, int]
    picture: Box
    asked: Box
    windows: tuple[Window, ...]


def growing(size: tuple[int, int], sides: Sides, native: int) -> Growing:
    """size: of the picture. native: side of the pictures that the model was trained on. Left, right, up, down, each on what came of the one before; no window
    draws more than a quarter of `native` beyond what is there, or shows more than `native` of what is there."""
    whole = Sides(*(filled(pixels, LATENT) for pixels in sides))
    left, top = whole.left, whole.up
    picture = left, top, left + size[0], top + size[1]
    sheet = left + size[0] + whole.right, top + size[1] + whole.down
    asked = left - sides.left, top - sides.up, picture[2] + sides.right, picture[3] + sides.down
    return Growing(sheet, picture, asked, tuple(_windows(picture, whole, max(native, 4 * LATENT))))


def _windows(known: Box, sides: Sides, native: int) -> Iterator[Window]:
    left, top, right, bottom = known
    for pixels in _strips(sides.left, native):
        seen, left = left + _seen(right - left, native), left - pixels
        yield from (_window((left, low, seen, high), (left, top, right, bottom)) for low, high in _along(top, bottom, native))
    for pixels in _strips(sides.right, native):
        seen, right = right - _seen(right - left, native), right + pixels
        yield from (_window((seen, low, right, high), (left, top, right, bottom)) for low, high in _along(top, bottom, native))
    for pixels in _strips(sides.up, native):
        seen, top = top + _seen(bottom - top, native), top - pixels
        yield from (_window((low, top, high, seen), (left, top, right, bottom)) for low, high in _along(left, right, native))
    for pixels in _strips(sides.down, native):
        seen, bottom = bottom - _seen(bottom - top, native), bottom + pixels
        yield from (_window((low, seen, high, bottom), (left, top, right, bottom)) for low, high in _along(left, right, native))


def _window(shown: Box, there: Box) -> Window:
    """there: what is drawn so far, the strip that is being drawn included."""
    return Window(shown, (max(shown[0], there[0]), max(shown[1], there[1]), min(shown[2], there[2]), min(shown[3], there[3])))


def _strips(pixels: int, native: int) -> list[int]:
    """A side's pixels (a multiple of 8) in as few strips as may be, as equal as whole latents allow."""
    latents = pixels // LATENT
    count = filled(pixels, snapped(native // 4)) // snapped(native // 4)
    return [LATENT * (latents * (index + 1) // count - latents * index // count) for index in range(count)]


def _seen(length: int, native: int) -> int:
    """How much of what is there a window shows, across its strip."""
    return max(LATENT, min(snapped(length), snapped(native)))


def _along(low: int, high: int, native: int) -> list[tuple[int, int]]:
    """A strip from `low` to `high` in windows of equal length that overlap by a quarter of `native` or more."""
    length, overlap = high - low, snapped(native // 4)
    longest = snapped(native) + overlap
    if length <= longest:
        return [(low, low + filled(length, LATENT))]
    count = filled(length - overlap, longest - overlap) // (longest - overlap)
    window = filled(-(-(length + (count - 1) * overlap) // count), LATENT)
    starts = [low + (length - window) * index // (count - 1) for index in range(count)]
    return [(start, start + window) for start in starts]
