"""Input pictures inside the PNG that was made from them, so that it can be made again elsewhere. Only when the user asks: an inpainting must not carry
along the photo that it hid.

Each input is a chunk `eaIn` before the end: its sha256 (32 bytes), then its file as it was. What comes back has passed that hash.
Source: W3C PNG specification (third edition), 5 and 14.3 for private chunks.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping

from modules.core.errors import BadPicture, OutputTrouble
from modules.infotext import limits, png

KIND = b"eaIn"
_DIGEST = 32


def pack(data: bytes, inputs: Mapping[str, bytes]) -> bytes:
    """The file with these inputs, and no others, in it. inputs: by reference. Raises BadPicture for what is no whole PNG, OutputTrouble for too much."""
    if not data.startswith(png.SIGNATURE):
        raise BadPicture("Only a PNG file can carry its inputs along.", "Save the picture as PNG.")
    largest = max(map(len, inputs.values()), default=0)
    if largest > limits.INPUT or len(data) + sum(map(len, inputs.values())) > limits.FILE:
        raise OutputTrouble(
            f"The inputs are too large to be packed: at most {limits.INPUT // 2**20} MB each, {limits.FILE // 2**20} MB with the picture.", "Send them apart."
        )
    before = [data[start:end] for kind, start, end in _chunks(data) if kind not in (KIND, b"IEND")]
    packed = [_chunk(KIND, bytes.fromhex(reference.partition(":")[2]) + body) for reference, body in inputs.items()]
    return b"".join([png.SIGNATURE, *before, *packed, _chunk(b"IEND", b"")])


def unpack(data: bytes) -> dict[str, bytes]:
    """The inputs in a file, by reference. Never raises: what is damaged or too large is left out."""
    found: dict[str, bytes] = {}
    if not data.startswith(png.SIGNATURE) or len(data) > limits.FILE:
        return found
    try:
        for kind, start, end in _chunks(data):
            body = data[start + 8 + _DIGEST : end - 4] if kind == KIND and end - start - 12 - _DIGEST <= limits.INPUT else b""
            if body and hashlib.sha256(body).digest() == data[start + 8 : start + 8 + _DIGEST]:
                found[f"sha256:{hashlib.sha256(body).hexdigest()}"] = body
    except BadPicture:  # cut off: what came before is whole
        pass
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each, up to the end chunk. Raises BadPicture where the file stops before it."""
    place = len(png.SIGNATURE)
    for _ in range(limits.CHUNKS):
        if place + 12 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            break
        yield kind, place, end
        if kind == b"IEND":
            return
        place = end
    raise BadPicture("The file is damaged: it ends before the picture does.", "Take another copy of it.")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
