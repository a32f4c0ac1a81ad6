"""Which shape a picture is trained in, and which piece of it that is: shapes of about the same number of pixels and different aspect ratios. No torch.

Source: NovelAI's aspect ratio bucketing (2022), as kohya's tools have it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

WIDEST = 2.0
"""Longer side over shorter one, of the widest shape."""


class View(NamedTuple):
    """What of a picture is seen. size: (width, height) of what is trained. whole: (width, height) to which the picture is scaled first. left, top: of the
    piece in it, in its pixels. mirrored: left and right exchanged, last of all."""

    size: tuple[int, int]
    whole: tuple[int, int]
    left: int = 0
    top: int = 0
    mirrored: bool = False


def shapes(side: int, multiple: int, several: bool = True) -> list[tuple[int, int]]:
    """(width, height), multiples of `multiple`, none of more pixels than side x side; the square one first."""
    square = max(multiple, side // multiple * multiple)
    found = [(square, square)]
    step = max(multiple, square // 8 // multiple * multiple)
    for short in range(square - step, int(square / math.sqrt(WIDEST)) - step, -step) if several else ():
        long = square * square // max(short, 1) // multiple * multiple
        if short >= multiple and long / short <= WIDEST + 0.2:
            found += [(long, short), (short, long)]
    return list(dict.fromkeys(found))


def nearest(size: tuple[int, int], known: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The shape whose aspect ratio is nearest to a picture's."""
    ratio = math.log(size[0] / size[1])
    return min(known, key=lambda shape: abs(math.log(shape[0] / shape[1]) - ratio))


def view(size: tuple[int, int], shape: tuple[int, int], crop: Literal["center", "random"], seed: str = "", mirrored: bool = False) -> View:
    """size: of the picture. seed: decides a random crop. The picture covers the shape, and what stands out is cut off."""
    scale = max(shape[0] / size[0], shape[1] / size[1])
    loose = 1.0 if crop == "center" else 1.0 + 0.12 * _unit(f"{seed}/scale")  # a random piece also comes a little closer
    whole = (max(shape[0], round(size[0] * scale * loose)), max(shape[1], round(size[1] * scale * loose)))
    room = (whole[0] - shape[0], whole[1] - shape[1])
    shares = (0.5, 0.5) if crop == "center" else (_unit(f"{seed}/left"), _unit(f"{seed}/top"))
    return View(shape, whole, int(room[0] * shares[0]), int(room[1] * shares[1]), mirrored)


def _unit(text: str) -> float:
    """0 to 1, the same everywhere."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
