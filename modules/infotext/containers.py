"""Where JPEG and WebP keep EXIF and XMP: walked segment by segment, without decoding the picture. Knows nothing of what they say.

An EXIF block larger than a JPEG segment (64 KB) is written as several APP1 segments in a row and joined again in reading, as Pillow and ExifTool do.
Sources: ITU T.81 annex B, Exif 2.32 4.5.4, WebP container specification.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from modules.infotext import limits

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_ROOM = 65533 - len(_EXIF)
_CODE = re.compile(rb"[^\xff]")


@dataclass
class Container:
    """size: (0, 0) when the file ends before it says so."""

    size: tuple[int, int] = (0, 0)
    exif: bytes = b""
    xmp: bytes = b""
    lossless: bool = False


def jpeg(data: bytes) -> Container:
    """data begins with FF D8."""
    found, blocks, total = Container(), [], 0
    place = 2
    for _ in range(limits.CHUNKS):
        place = _marker(data, place)
        if place + 4 > len(data):
            break
        marker, length = data[place + 1], struct.unpack_from(">H", data, place + 2)[0]
        if marker in (0xD9, 0xDA) or length < 2:
            break
        body = data[place + 4 : place + 2 + length]
        place += 2 + length
        total += len(body)
        if marker == 0xE1 and total <= limits.TEXTS:
            if body.startswith(_EXIF):
                blocks.append(body[len(_EXIF) :])
            elif body.startswith(_XMP):
                found.xmp = body[len(_XMP) :]
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(body) >= 5:
            height, width = struct.unpack_from(">HH", body, 1)
            found.size = (width, height)
    found.exif = b"".join(blocks)
    return found


def _marker(data: bytes, place: int) -> int:
    """The start of the next marker: before it there may be any number of fill bytes, which look like its first one."""
    place = data.find(b"\xff", place)
    code = _CODE.search(data, place) if place >= 0 else None
    return code.start() - 1 if code else len(data)


def with_exif(data: bytes, exif: bytes) -> bytes:
    """A JPEG with an EXIF block put in behind its first segment (JFIF, which has to be first)."""
    exif = exif.removeprefix(_EXIF)
    segments = [exif[start : start + _ROOM] for start in range(0, len(exif), _ROOM)]
    inserted = b"".join(b"\xff\xe1" + struct.pack(">H", 2 + len(_EXIF) + len(segment)) + _EXIF + segment for segment in segments)
    place = 2
    if data[2:4] == b"\xff\xe0":
        place += 2 + struct.unpack_from(">H", data, 4)[0]
    return data[:place] + inserted + data[place:]


def webp(data: bytes) -> Container:
    """data begins with RIFF....WEBP."""
    found, place = Container(), 12
    for _ in range(limits.CHUNKS):
        if place + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, place)
        body = data[place + 8 : place + 8 + min(length, limits.TEXTS)]
        place += 8 + length + length % 2
        if kind == b"VP8X" and len(body) >= 10:
            found.size = (1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
        elif kind == b"VP8L" and len(body) >= 5:
            bits = int.from_bytes(body[1:5], "little")
            found.lossless = True
            found.size = found.size if any(found.size) else (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        elif kind == b"VP8 " and len(body) >= 10 and not any(found.size):
            width, height = struct.unpack_from("<HH", body, 6)
            found.size = (width & 0x3FFF, height & 0x3FFF)
        elif kind == b"EXIF" and not found.exif:
            found.exif = body
        elif kind == b"XMP " and not found.xmp:
            found.xmp = body
    return found
