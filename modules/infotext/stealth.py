"""A text hidden in the lowest bits of a picture's pixels: of alpha, or of red, green and blue in turn. Knows nothing of what it says.

Bits run down the columns, highest first: a 15-byte mark, the length of the text in bits (32 bits, big end first), the text. NovelAI appends an error code,
which is not needed. Source: the stealth PNG info format of the A1111 extension of that name, which NovelAI shares.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image

from modules.infotext import limits
from modules.infotext.png import inflate

MARKS = {b"stealth_pnginfo": (True, False), b"stealth_pngcomp": (True, True), b"stealth_rgbinfo": (False, False), b"stealth_rgbcomp": (False, True)}
"""Mark -> (in alpha, compressed with gzip)."""
_HEAD = 15 + 4


def read(data: bytes, size: tuple[int, int]) -> str:
    """The hidden text, or "". size: from the file's header; a picture beyond the limit is not decoded."""
    found = pixels(data, size)
    if found is None:
        return ""
    layers = [(found[:, :, 3:], True)] if found.shape[2] == 4 else []
    for layer, alpha in [*layers, (found[:, :, :3], False)]:
        if text := _decode(layer, alpha):
            return text
    return ""


def pixels(data: bytes, size: tuple[int, int]) -> np.ndarray | None:
    """uint8 [height, width, 3 or 4] of a picture that may hide a text; None for one of another kind, or beyond the limit."""
    if not 0 < size[0] * size[1] <= limits.PIXELS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=("PNG", "WEBP")) as image:
                if image.mode not in ("RGB", "RGBA") or image.size != tuple(size):
                    return None
                return np.asarray(image)
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        return None


def marked(layer: np.ndarray, alpha: bool) -> bool:
    """Whether a text begins in the lowest bits of a layer, uint8 [height, width, channels]; also one whose end is damaged."""
    return MARKS.get(_bytes(layer, len(next(iter(MARKS)))), (None,))[0] is alpha


def _decode(layer: np.ndarray, alpha: bool) -> str:
    """layer: uint8 [height, width, channels]."""
    head = _bytes(layer, _HEAD)
    in_alpha, packed = MARKS.get(head[:15], (None, False))
    if in_alpha is not alpha:
        return ""
    length = int.from_bytes(head[15:_HEAD], "big") // 8
    if not 0 < length <= min(limits.TEXT, layer.size // 8 - _HEAD):
        return ""
    body = _bytes(layer, _HEAD + length)[_HEAD:]
    if packed:
        body = inflate(body, limits.TEXT, 31)
    return body.decode("utf-8", "replace")


def _bytes(layer: np.ndarray, count: int) -> bytes:
    """The first `count` bytes; only as many columns as they need are looked at."""
    height, _, channels = layer.shape
    columns = -(-count * 8 // (height * channels))
    bits = (layer[:, :columns] & 1).transpose(1, 0, 2).reshape(-1)[: count * 8]
    return np.packbits(bits).tobytes()
