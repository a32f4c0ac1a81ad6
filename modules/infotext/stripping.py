"""PNG, JPEG and WebP files without what is no picture: chunk by chunk, the compressed pixels untouched. Knows no meaning of what it leaves out.

Everything that a viewer does not need goes, known or not: only listed parts stay. Sources: as `png` and `containers`; W3C PNG 11.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from modules.core.errors import BadPicture
from modules.infotext import limits
from modules.infotext.png import SIGNATURE

PNG_PARTS = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT cICP mDCV cLLI acTL fcTL fdAT".split())
WEBP_PARTS = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
"""Bits of VP8X that announce them."""


def png(data: bytes, exif: bytes = b"") -> bytes:
    """exif: a TIFF structure that goes in instead, if any; so for the others."""
    parts, place = [SIGNATURE], len(SIGNATURE)
    for _ in range(limits.CHUNKS):
        if place + 12 > len(data):
            raise _damaged()
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            raise _damaged()
        if kind == b"IDAT" and exif:
            parts.append(struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif)))
            exif = b""
        if kind in PNG_PARTS:
            parts.append(data[place:end])
        if kind == b"IEND":
            return b"".join(parts)
        place = end
    raise _damaged()


def jpeg(data: bytes, exif: bytes = b"") -> bytes:
    """JFIF's own header, Adobe's (it says how colours are coded) and the colour profile stay."""
    parts = [b"\xff\xd8"]
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if exif and marker != 0xE0:
            parts.append(b"\xff\xe1" + struct.pack(">H", 8 + len(exif)) + b"Exif\0\0" + exif)
            exif = b""
        extra = 0xE0 <= marker <= 0xEF or marker == 0xFE
        needed = (marker == 0xE0 and body[:5] == b"JFIF\0") or (marker == 0xE2 and body[:12] == b"ICC_PROFILE\0") or (marker == 0xEE and body[:5] == b"Adobe")
        if needed or not extra:
            parts.append(data[start:end])
    return b"".join([*parts, b"\xff\xd9"])


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each between start and end of the picture; a scan with the coded data behind it. Raises BadPicture where the end is missing."""
    place = 2
    for _ in range(limits.CHUNKS):
        while data[place : place + 2] == b"\xff\xff":
            place += 1
        if place + 4 > len(data) and data[place : place + 2] != b"\xff\xd9" or data[place] != 0xFF:
            break
        marker = data[place + 1]
        if marker == 0xD9:
            return
        end = place + 2 + struct.unpack_from(">H", data, place + 2)[0]
        if marker == 0xDA:
            end = _scanned(data, end)
        if end > len(data) or end < place + 4:
            break
        yield marker, place, end
        place = end
    raise _damaged()


def _scanned(data: bytes, place: int) -> int:
    """Where coded data end: at a marker that is neither a stuffed FF nor a restart."""
    while (place := data.find(b"\xff", place)) >= 0 and place + 1 < len(data):
        if data[place + 1] == 0 or 0xD0 <= data[place + 1] <= 0xD7:
            place += 2
        elif data[place + 1] == 0xFF:
            place += 1
        else:
            return place
    return len(data) + 1


def webp(data: bytes, exif: bytes = b"") -> bytes:
    parts, place = [], 12
    for _ in range(limits.CHUNKS):
        if place + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, place)
        end = place + 8 + length + length % 2
        if place + 8 + length > len(data):
            raise _damaged()
        body = data[place : min(end, len(data))]
        if kind == b"VP8X" and length >= 10:
            flags = body[8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if exif else 0)
            body = body[:8] + bytes([flags]) + body[9:]
        if kind in WEBP_PARTS:
            parts.append(body.ljust(8 + length + length % 2, b"\0"))
        place = end
    if exif:
        parts.append(b"EXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2))
    inside = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def _damaged() -> BadPicture:
    return BadPicture("The file is damaged: it ends before the picture does.", "Take another copy of it.")
