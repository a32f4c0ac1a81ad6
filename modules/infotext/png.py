"""The texts of a PNG, read chunk by chunk without decoding the picture. Knows nothing of what they mean.

Checksums are not looked at, the end may be missing, and text may stand after the picture: whatever is whole is read.
Source: W3C PNG specification (third edition), 5 and 11.3.3; eXIf 11.3.5.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from modules.infotext import limits

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass
class Texts:
    """size: (width, height). texts: by keyword, the first of equal ones. exif: of an eXIf chunk. total: bytes of text so far.
    endless: more chunks than are walked, so that no other reader should be let at the file."""

    size: tuple[int, int] = (0, 0)
    texts: dict[str, str] = field(default_factory=dict)
    exif: bytes = b""
    total: int = 0
    endless: bool = False

    def room(self, keyword: bytes) -> int:
        """Bytes that a text of this name may have; 0 when it is not wanted (a second one, one too many)."""
        known = name_of(keyword) in self.texts or not name_of(keyword) or len(self.texts) >= limits.NAMED
        return 0 if known else min(limits.TEXT, limits.TEXTS - self.total)


def read(data: bytes) -> Texts:
    """data begins with the signature."""
    found = Texts()
    view, place = memoryview(data), len(SIGNATURE)
    for _ in range(limits.CHUNKS):
        if place + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, place)
        body = view[place + 8 : place + 8 + length]
        place += 12 + length
        if kind == b"IHDR" and len(body) >= 13:
            found.size = struct.unpack_from(">II", body)
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and len(body) == length <= limits.TEXT:
            _text(found, kind, bytes(body))
        elif kind == b"eXIf" and len(body) == length <= limits.TEXT:
            found.exif = bytes(body)
        elif kind == b"IEND":
            break
    else:
        found.endless = True
    return found


def _text(found: Texts, kind: bytes, body: bytes) -> None:
    """A text that fills its room was cut and is left out; it counts all the same, so that no number of them costs more than the limit."""
    keyword, mark, rest = body.partition(b"\0")
    room = found.room(keyword)
    if not mark or not room or kind != b"tEXt" and len(rest) < 2:
        return
    if kind == b"zTXt":
        text = inflate(rest[1:], room)
    elif kind == b"iTXt":
        packed = rest[0] == 1
        text = rest[2:].split(b"\0", 2)[-1]
        text = inflate(text, room) if packed else text[:room]
    else:
        text = rest[:room]
    found.total += len(text)
    if len(text) < room:
        found.texts[name_of(keyword)] = text.decode("utf-8", "replace") if kind == b"iTXt" else latin(text)


def name_of(keyword: bytes) -> str:
    return keyword[:79].decode("latin-1").strip()


def inflate(data: bytes, limit: int, bits: int = zlib.MAX_WBITS) -> bytes:
    """Up to `limit` bytes of a compressed text; what came before an error or a missing end. bits: 31 for gzip."""
    stream, parts, room = zlib.decompressobj(bits), [], limit
    for start in range(0, len(data), 65536):
        piece = data[start : start + 65536]
        try:
            while piece and room > 0:
                parts.append(stream.decompress(piece, min(room, 2**20)))
                room -= len(parts[-1])
                piece = stream.unconsumed_tail
        except zlib.error:
            break
        if room <= 0 or stream.eof:
            break
    return b"".join(parts)


def latin(text: bytes) -> str:
    """tEXt is latin-1 by its specification; some tools put UTF-8 there, which latin-1 hardly ever looks like by chance."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")
