"""Sizes in whole pixels: how a picture is brought to another shape, and how large a second pass becomes. Numbers only; no pictures, no torch.

Where halves are floored decides pixels, so the rules follow the project's notes on A1111 to the letter.
"""

from __future__ import annotations

from typing import NamedTuple

LATENT = 8
"""Pixels of a picture for one of its latents, in each direction."""


class Fit(NamedTuple):
    """A picture scaled to width x height, and where its upper left corner lies in the target (negative: outside)."""

    width: int
    height: int
    left: int
    top: int


def cover(source: tuple[int, int], target: tuple[int, int]) -> Fit:
    """Scaled until the target is covered, centred; what sticks out is cut off."""
    return _fit(source, target, wider=target[0] * source[1] > source[0] * target[1])


def contain(source: tuple[int, int], target: tuple[int, int]) -> Fit:
    """Scaled until it just lies within the target, centred; the rest of the target stays empty."""
    return _fit(source, target, wider=target[0] * source[1] < source[0] * target[1])


def _fit(source: tuple[int, int], target: tuple[int, int], wider: bool) -> Fit:
    """wider: the target's width is met, and the height follows; else the other way round."""
    width = target[0] if wider else max(1, source[0] * target[1] // source[1])
    height = max(1, source[1] * target[0] // source[0]) if wider else target[1]
    return Fit(width, height, target[0] // 2 - width // 2, target[1] // 2 - height // 2)


class Enlarged(NamedTuple):
    """What hires fix works at. width, height: pixels that the first pass is scaled to. cut: latents cut off in x and y before the second pass,
    half of them at each side (`latents.trimmed`)."""

    width: int
    height: int
    cut: tuple[int, int] = (0, 0)


def enlarged(width: int, height: int, scale: float, to_width: int = 0, to_height: int = 0) -> Enlarged:
    """The second pass of hires fix: `scale` times the first; with one of to_width and to_height, that one, and the other follows; with both,
    scaled to cover them and cut to their shape, in latents."""
    if not to_width and not to_height:
        return Enlarged(int(width * scale), int(height * scale))
    if not to_height or (to_width and width * to_height < to_width * height):
        wide, high = to_width, to_width * height // width
    else:
        wide, high = to_height * width // height, to_height
    if not to_width or not to_height:
        return Enlarged(wide, high)
    return Enlarged(wide, high, ((wide - to_width) // LATENT, (high - to_height) // LATENT))


def snapped(length: float, multiple: int = LATENT) -> int:
    """The largest multiple not above `length`."""
    return int(length) // multiple * multiple


def filled(length: int, multiple: int) -> int:
    """The smallest multiple not below `length`."""
    return -(-length // multiple) * multiple
