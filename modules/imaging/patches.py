"""A picture enlarged piece by piece, in memory that does not grow with it but for the result's own bytes, with seams that do not show.

Neighbouring pieces overlap. What lies near the cut edge of a piece is not used: its pixels lack their surroundings. Across the middle half of the overlap one
piece fades into the next, so that a function whose pixels depend on at most a quarter of the overlap around them gives, to rounding, the very picture that it
would give of the whole. Networks see much further in principle, and hardly in practice. Knows no network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Enlarge = Callable[[Array], Array]
"""[h, w, C] float32 in 0..1 -> [h * scale, w * scale, C'] alike."""


@dataclass(frozen=True)
class Cuts:
    """Where pieces lie along one side of `length` pixels. starts: ascending. size: of all but the last, which ends with the side."""

    length: int
    size: int
    starts: tuple[int, ...]

    def end(self, index: int) -> int:
        return min(self.starts[index] + self.size, self.length)

    def weights(self, index: int, scale: int) -> Array:
        """How much each enlarged pixel of a piece counts; those of all pieces at one place sum to 1."""
        start, end = self.starts[index] * scale, self.end(index) * scale
        places = np.arange(start, end, dtype=np.float32) + 0.5
        weights = np.ones(end - start, np.float32)
        if index:
            weights *= _rising(places, start, self.end(index - 1) * scale)
        if index + 1 < len(self.starts):
            weights *= 1 - _rising(places, self.starts[index + 1] * scale, end)
        return weights


def _rising(places: Array, begin: int, end: int) -> Array:
    """0 to 1 over the middle half of an overlap."""
    quarter = (end - begin) / 4
    return np.clip((places - begin - quarter) / max(2 * quarter, 1e-6), 0, 1).astype(np.float32)


def cuts(length: int, tile: int, overlap: int, multiple: int = 1) -> Cuts:
    """Pieces of at most `tile` pixels (0: one piece), as few as there can be and of one size, that overlap by `overlap` at least; a quarter of a piece at most.
    multiple: what sizes and starts are multiples of, for networks that see in windows."""
    if not tile or length <= tile:
        return Cuts(length, length, (0,))
    whole, most = -(-length // multiple), max(tile // multiple, 1)
    shared = min(-(-overlap // multiple), most // 4)
    count = -(-(whole - shared) // (most - shared))
    size = -(-(whole + (count - 1) * shared) // count)
    return Cuts(length, size * multiple, tuple(index * (whole - size) // max(count - 1, 1) * multiple for index in range(count)))


def enlarged(
    picture: Array,
    scale: int,
    enlarge: Enlarge,
    tile: int = 0,
    overlap: int = 0,
    multiple: int = 1,
    done: Callable[[int, int], None] = lambda pieces, of: None,
) -> Array:
    """picture: [H, W, C] uint8 -> [H * scale, W * scale, C'] uint8. done(pieces, of): called before each piece; what it raises ends the work."""
    down, across = cuts(picture.shape[0], tile, overlap, multiple), cuts(picture.shape[1], tile, overlap, multiple)
    total = len(down.starts) * len(across.starts)
    result: Array | None = None
    before: Array | None = None
    for row, top in enumerate(down.starts):
        bottom = down.end(row)
        band: Array | None = None
        for column, left in enumerate(across.starts):
            done(row * len(across.starts) + column, total)
            piece = enlarge(picture[top:bottom, left : across.end(column)].astype(np.float32) / 255)
            if band is None:
                band = np.zeros(((bottom - top) * scale, picture.shape[1] * scale, piece.shape[2]), np.float32)
            band[:, left * scale : across.end(column) * scale] += piece * across.weights(column, scale)[None, :, None]
        assert band is not None  # there is a piece in each row
        band *= down.weights(row, scale)[:, None, None]
        if before is not None:
            shared = down.end(row - 1) - top
            band[: shared * scale] += before[len(before) - shared * scale :]
        if result is None:
            result = np.empty((picture.shape[0] * scale, picture.shape[1] * scale, band.shape[2]), np.uint8)
        ready = (down.starts[row + 1] if row + 1 < len(down.starts) else bottom) * scale
        result[top * scale : ready] = np.clip(np.rint(band[: ready - top * scale] * 255), 0, 255)
        before = band
    assert result is not None
    return result
