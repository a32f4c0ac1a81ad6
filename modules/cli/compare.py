"""How far two pictures are apart, pixel by pixel after decoding, and which recorded facts of their making differ."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from modules.core.errors import BadPicture


@dataclass(frozen=True)
class Difference:
    """pixels: how many of `of` differ. largest: of any channel, 0 to 255. psnr: peak signal to noise ratio in dB, infinite for equal pictures.
    sizes: set when they differ, and nothing else is then."""

    pixels: int = 0
    of: int = 0
    largest: int = 0
    psnr: float = math.inf
    sizes: str = ""

    @property
    def identical(self) -> bool:
        return self.pixels == 0 and not self.sizes

    def __str__(self) -> str:
        if self.sizes:
            return f"differs in size: {self.sizes}"
        if self.identical:
            return "identical"
        return f"differs in {self.pixels} of {self.of} pixels, at most by {self.largest} of 255, PSNR {self.psnr:.1f} dB"


def difference(first: bytes, second: bytes) -> Difference:
    """Of two encoded pictures, as RGBA. Raises BadPicture."""
    one, other = _pixels(first), _pixels(second)
    if one.shape != other.shape:
        return Difference(sizes=f"{one.shape[1]} x {one.shape[0]} and {other.shape[1]} x {other.shape[0]}")
    apart = np.abs(one.astype(np.int16) - other.astype(np.int16))
    square = float(np.mean(apart[..., :3].astype(np.float64) ** 2))
    psnr = 10 * math.log10(255**2 / square) if square else math.inf
    return Difference(int(np.count_nonzero(apart.any(axis=-1))), one.shape[0] * one.shape[1], int(apart.max(initial=0)), psnr)


def changed_facts(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """ "torch 2.12.1 -> 2.13.0" for every fact that the picture records and that is another one here."""
    return [f"{name} {value} -> {after.get(name, 'unknown')}" for name, value in before.items() if after.get(name) != value]


def _pixels(data: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(f"The picture cannot be decoded: {error}.", "Choose another file.") from None
