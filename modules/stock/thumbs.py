"""Small pictures of models for their cards, from whatever picture lies beside them. Everything is capped before it is decoded; a few thousand stay in memory."""

from __future__ import annotations

import base64
import binascii
import io
import threading
from collections import OrderedDict
from pathlib import Path

from PIL import Image, ImageOps

from modules.catalog.walk import state
from modules.core.errors import BadPicture, NotFound

LARGEST = 64 * 2**20
"""Bytes of a picture's file."""
PIXELS = 100 * 10**6
SIDE = (360, 480)
"""Pixels that a card's picture fills at most on a fine screen."""
KEPT = 96 * 2**20
"""Bytes of thumbnails in memory: some three thousand."""


class Thumbs:
    """May be called from any thread."""

    def __init__(self) -> None:
        self._held: OrderedDict[object, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, picture: Path) -> bytes:
        """A small WebP. Raises NotFound, BadPicture."""
        key = state(picture)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        if key[1] < 0:
            raise NotFound(f"The picture {picture.name} is not there any more.")
        if key[1] > LARGEST:
            raise BadPicture(f"{picture.name} has more than {LARGEST // 2**20} MiB.")
        try:
            small = shrunk(picture.read_bytes())
        except OSError as error:
            raise NotFound(f"The picture {picture.name} cannot be read: {error.strerror}.") from None
        with self._lock:
            self._held[key] = small
            self._bytes += len(small)
            while self._bytes > KEPT:
                self._bytes -= len(self._held.popitem(last=False)[1])
        return small


def shrunk(data: bytes) -> bytes:
    """A WebP that fits into SIDE, upright. Raises BadPicture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > PIXELS:
                raise BadPicture(f"The picture has more than {PIXELS // 10**6} million pixels.")
            image.draft("RGB", SIDE)
            small = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPicture(f"The picture cannot be read: {type(error).__name__}.", "Its file may be damaged.") from None
    small.thumbnail(SIDE)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=82)
    return out.getvalue()


def inside(metadata: str) -> bytes:
    """The picture of a file that carries one in its own header (`modelspec.thumbnail`, a data URL). b"" where it is none."""
    head, comma, rest = metadata.partition(",")
    if not comma or not head.startswith("data:image/") or len(rest) > 4 * 2**20:
        return b""
    try:
        return base64.b64decode(rest, validate=True)
    except (binascii.Error, ValueError):
        return b""
