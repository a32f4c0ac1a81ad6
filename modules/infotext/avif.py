"""Where an AVIF file keeps what is no picture, and a copy with that blanked. Places within such a file are counted from its start, so everything keeps its length.

Knows nothing of what it blanks. Sources: ISO 14496-12, 8.11 (meta, iloc, iinf), ISO 23008-12 annex A (Exif items), AVIF 1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from modules.core.errors import BadPicture
from modules.infotext import limits

BOXES = frozenset((b"ftyp", b"meta", b"mdat", b"moov", b"free"))
"""At the top of a file; any other becomes free space."""
PICTURES = frozenset((b"av01", b"grid", b"iovl", b"iden", b"tmap", b"hvc1"))
"""Items that are pictures, or say how some are put together."""
NO_EXIF = b"\0\0\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"
"""An Exif item without a tag; decoders stumble over one that is all noughts."""


class Box(NamedTuple):
    """start, end: of what is in it. head: where it begins itself."""

    kind: bytes
    head: int
    start: int
    end: int


def blanked(data: bytes) -> bytes:
    """Items that are no pictures are emptied, foreign boxes too. Raises BadPicture for a file that does not hold together."""
    out = bytearray(data)
    top = list(_boxes(data, 0, len(data)))
    for box in top:
        if box.kind not in BOXES:
            out[box.head + 4 : box.head + 8] = b"free"
            out[box.start : box.end] = bytes(box.end - box.start)
        elif box.kind == b"meta":
            for kind, start, end in _items(data, box):
                if kind not in PICTURES:
                    out[start:end] = (NO_EXIF if kind == b"Exif" and end - start >= len(NO_EXIF) else b"").ljust(end - start, b"\0")
    return bytes(out)


def _items(data: bytes, meta: Box) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of each stretch of each item."""
    inside = {box.kind: box for box in _boxes(data, meta.start + 4, meta.end)}
    if b"iloc" not in inside or b"iinf" not in inside:
        raise _damaged()
    try:
        kinds = _kinds(data, inside[b"iinf"])
        for item, within, start, length in _stretches(data, inside[b"iloc"]):
            place = start + (inside[b"idat"].start if within else 0)
            if place + length > len(data):
                raise _damaged()
            yield kinds.get(item, b""), place, place + length
    except (struct.error, KeyError):
        raise _damaged() from None


def _kinds(data: bytes, iinf: Box) -> dict[int, bytes]:
    """Item -> its type, of four letters."""
    found: dict[int, bytes] = {}
    start = iinf.start + (6 if data[iinf.start] == 0 else 8)
    for box in _boxes(data, start, iinf.end):
        version = data[box.start]
        item = struct.unpack_from(">I" if version == 3 else ">H", data, box.start + 4)[0]
        place = box.start + (10 if version == 3 else 8)
        found[item] = data[place : place + 4]
    return found


def _stretches(data: bytes, iloc: Box) -> Iterator[tuple[int, bool, int, int]]:
    """(item, whether it lies in the meta box, start, length) of each."""
    version, sizes, place = data[iloc.start], struct.unpack_from(">H", data, iloc.start + 4)[0], iloc.start + 6
    widths = [sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, (sizes & 15) if version else 0]

    def number(width: int) -> int:
        nonlocal place
        place += width
        if place > iloc.end:
            raise _damaged()
        return int.from_bytes(data[place - width : place], "big")

    wide = 4 if version == 2 else 2
    for _ in range(min(number(wide), limits.CHUNKS)):
        item, method = number(wide), number(2) & 15 if version else 0
        number(2)
        base = number(widths[2])
        for _ in range(number(2)):
            number(widths[3])
            start, length = number(widths[0]), number(widths[1])
            yield item, method == 1, base + start, length


def _boxes(data: bytes, place: int, end: int) -> Iterator[Box]:
    for _ in range(limits.CHUNKS):
        if place + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if length == 1 and place + 16 <= end:
            length, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        last = end if length == 0 else place + length
        if last < place + head or last > end:
            raise _damaged()
        yield Box(kind, place, place + head, last)
        place = last


def _damaged() -> BadPicture:
    return BadPicture("The file is damaged: its parts do not hold together.", "Take another copy of it.")
