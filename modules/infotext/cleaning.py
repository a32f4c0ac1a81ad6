"""A copy of a picture's file without anything that says how, where or by whom it was made: no texts, no EXIF or XMP, nothing hidden in the pixels.

The pixels are the same; only where a text hides in their lowest bits those bits are wiped. What a viewer needs to show them stays: colour profile, and which
side is up. Source of the latter's block: TIFF 6.0, tag 274.
"""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
from PIL import Image

from modules.core.errors import BadPicture, Unsupported
from modules.infotext import avif, files, limits, stealth, stripping

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")
_ORIENTATION = 0x0112


def clean(data: bytes) -> bytes:
    """The same picture in the same format. Raises BadPicture for a file that is damaged or too large, Unsupported for another format."""
    found = files.read(data)
    if found.size[0] * found.size[1] > limits.PIXELS and found.format in ("png", "webp"):
        what = f"The picture has {found.size[0]} x {found.size[1]} pixels, too many to be searched for a hidden text."
        raise BadPicture(what, f"At most {limits.PIXELS // 2**20} million are.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                kind = image.format or ""
                turned = image.getexif().get(_ORIENTATION, 1)
    except Image.DecompressionBombError:
        raise BadPicture("The picture has more pixels than can be opened safely.", "Use a smaller one.") from None
    except Exception:  # Pillow's plugins raise whatever a damaged header makes them run into
        if found.format in ("png", "jpg", "webp", "avif"):
            raise BadPicture("The file is damaged, so it cannot be cleaned.", "Take another copy of it.") from None
        raise Unsupported(f"A {found.format.upper()} file cannot be cleaned.", "Save the picture as PNG, JPEG, WebP or AVIF first.") from None
    if layers := _hiding(data, found.size):
        data = _wiped(data, kind, layers)
    cleaned = _stripped(data, kind, _upright(turned))
    left = files.read(cleaned)
    if any(text.strip("\0 ") for text in left.chunks.values()) or left.document or _hiding(cleaned, left.size):
        raise BadPicture("Not everything could be taken out of this file.", "Save the picture as PNG first.")
    return cleaned


def _stripped(data: bytes, kind: str, exif: bytes) -> bytes:
    """AVIF says apart from EXIF which side is up."""
    if kind == "PNG":
        return stripping.png(data, exif)
    if kind == "JPEG":
        return stripping.jpeg(data, exif)
    if kind == "WEBP":
        return stripping.webp(data, exif)
    return avif.blanked(data)


def _upright(turned: object) -> bytes:
    """EXIF with nothing but which side is up; b"" where that is the upper one."""
    if not isinstance(turned, int) or not 2 <= turned <= 8:
        return b""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, turned, 0, 0)


def _hiding(data: bytes, size: tuple[int, int]) -> list[bool]:
    """In which layers a text hides, also one that cannot be read: True for alpha, False for the colours."""
    pixels = stealth.pixels(data, size)
    if pixels is None:
        return []
    layers = [(pixels[:, :, 3:], True)] if pixels.shape[2] == 4 else []
    return [alpha for layer, alpha in [*layers, (pixels[:, :, :3], False)] if stealth.marked(layer, alpha)]


def _wiped(data: bytes, kind: str, layers: list[bool]) -> bytes:
    """Encoded anew without loss: the lowest bits of alpha set, those of the colours cleared."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        pixels, profile = np.array(image), image.info.get("icc_profile")
    if True in layers:
        pixels[:, :, 3] |= 1
    if False in layers:
        pixels[:, :, :3] &= 0xFE
    out = io.BytesIO()
    kept = {"icc_profile": profile} if profile else {}
    Image.fromarray(pixels).save(out, kind, **kept, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    if out.tell() > limits.FILE:
        raise BadPicture("The picture is too large to be cleaned.", "Use a smaller one.")
    return out.getvalue()
