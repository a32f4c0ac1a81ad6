"""The few EXIF tags that hold generation data: read from and written as a small TIFF structure. Knows no picture format.

Only wanted tags are taken out, so that a crafted structure cannot multiply its own size. Source: Exif 2.32 (CIPA DC-008), TIFF 6.0.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from modules.infotext import limits

NAMES = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x9286: "UserComment",
    0x927C: "MakerNote",
}
USER_COMMENT, MAKER_NOTE = 0x9286, 0x927C
_SUB_IFD = 0x8769
_WIDTH = {1: 1, 2: 1, 6: 1, 7: 1}
"""Bytes per value of the types that hold text: BYTE, ASCII, SBYTE, UNDEFINED."""


def build(tags: Mapping[int, bytes]) -> bytes:
    """A big-endian EXIF block with these tags of the Exif directory, of type UNDEFINED; `Exif\\0\\0` in front."""
    directory = 8 + 2 + 12 + 4
    place = directory + 2 + 12 * len(tags) + 4
    entries, bodies = [], []
    for tag, body in sorted(tags.items()):
        inline = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack(">I", place)
        entries.append(struct.pack(">HHI", tag, 7, len(body)) + inline)
        if len(body) > 4:
            body += b"\0" * (len(body) % 2)
            bodies.append(body)
            place += len(body)
    root = struct.pack(">H", 1) + struct.pack(">HHII", _SUB_IFD, 4, 1, directory) + struct.pack(">I", 0)
    return b"Exif\0\0MM\0*" + struct.pack(">I", 8) + root + struct.pack(">H", len(tags)) + b"".join(entries) + struct.pack(">I", 0) + b"".join(bodies)


def read(block: bytes) -> dict[int, bytes]:
    """The wanted tags of a block, with or without `Exif\\0\\0`. Never raises; what is damaged is left out."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return {}
    found: dict[int, bytes] = {}
    waiting = [struct.unpack_from(order + "I", block, 4)[0]]
    seen: set[int] = set()
    while waiting and len(seen) < 4:
        place = waiting.pop()
        if place in seen or place + 2 > len(block):
            continue
        seen.add(place)
        count = struct.unpack_from(order + "H", block, place)[0]
        for entry in range(place + 2, min(place + 2 + 12 * count, len(block) - 11), 12):
            tag, kind, length, offset = struct.unpack_from(order + "HHII", block, entry)
            if tag == _SUB_IFD:
                waiting.append(offset)
            elif tag in NAMES and tag not in found and kind in _WIDTH and length <= limits.TEXT:
                found[tag] = block[entry + 8 : entry + 8 + length] if length <= 4 else block[offset : offset + length]
    return found


def comment(text: str) -> bytes:
    """A text as EXIF UserComment, as A1111 writes it: `UNICODE\\0` and UTF-16, big end first."""
    return b"UNICODE\0" + text.encode("utf-16-be", "surrogatepass")


def uncomment(body: bytes, order: str = "") -> str:
    """The text of a UserComment, whoever wrote it: UTF-16 of either order, UTF-8, ASCII, with or without a mark in front. order: "big" when it is known."""
    mark, rest = body[:8], body[8:]
    if mark == b"UNICODE\0":
        return utf16(rest, order)
    if mark in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0" * 8):
        body = rest
    return plain(body)


def plain(body: bytes) -> str:
    """8-bit text: UTF-8, else latin-1."""
    body = body.rstrip(b"\0")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def utf16(body: bytes, order: str = "") -> str:
    """order: "big" when it is known; else told by a mark in front, else by which reading has more ASCII, which a text about a picture is full of."""
    if not order and body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace").rstrip("\0")
    if not order and not body.count(0):
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            pass
    body = body[: len(body) // 2 * 2]
    codecs = ["utf-16-be"] if order else sorted(("utf-16-be", "utf-16-le"), key=lambda codec: -_ascii(body, codec))
    try:
        return body.decode(codecs[0], "surrogatepass").rstrip("\0")
    except UnicodeDecodeError:
        return body.decode(codecs[0], "replace").rstrip("\0")


def _ascii(body: bytes, codec: str) -> int:
    return len(body.decode(codec, "ignore").encode("ascii", "ignore").replace(b"\0", b""))
