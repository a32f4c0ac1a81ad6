"""Textual inversions that A1111 saves as pictures: the vectors as JSON in base64, in a text chunk of the PNG. No torch, no Pillow; nothing is executed.

Only the text is read. A copy whose texts were stripped (many sites do so) holds no vectors for us.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from modules.core.errors import BadModelFile

KEY = b"sd-ti-embedding"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST = 64 * 2**20
"""Bytes of a file that is looked at, and of the text in it. 75 vectors of 2048 numbers take some 5 MB."""
MOST, WIDEST = 75, 8192
"""Vectors, and numbers in each."""
REMEDY = "Take the embedding's .safetensors file."


class Inversion(NamedTuple):
    """vectors: [n, width]."""

    name: str
    vectors: list[list[float]]


def holds(path: Path) -> bool:
    """Whether a picture carries an embedding; what cannot be read carries none."""
    try:
        return _text(path) is not None
    except (OSError, BadModelFile):
        return False


def read(path: Path) -> Inversion:
    """Raises BadModelFile."""
    try:
        text = _text(path)
    except OSError as error:
        raise BadModelFile(f"{path.name} cannot be read: {error.strerror or error}.", "Check that it is there and that you may read it.") from None
    if text is None:
        raise BadModelFile(f"{path.name} is a picture without an embedding in it.", REMEDY)
    try:
        told = json.loads(base64.b64decode(text, validate=True))
        table = told["string_to_param"]
        vectors = [_vector(row) for row in _rows(table[next(iter(table))])]
    except (binascii.Error, ValueError, KeyError, TypeError, StopIteration, RecursionError, UnicodeError):
        raise BadModelFile(f"The embedding in {path.name} is damaged.", REMEDY) from None
    if not 0 < len(vectors) <= MOST or len({len(row) for row in vectors}) != 1 or not 0 < len(vectors[0]) <= WIDEST:
        raise BadModelFile(f"The embedding in {path.name} is no table of vectors of one length.", REMEDY)
    name = told.get("name")
    return Inversion(name[:200] if isinstance(name, str) else "", vectors)


def _rows(value: Any) -> list[Any]:
    """A1111 writes a tensor as {"TORCHTENSOR": [...]}; a single vector may lack its first axis."""
    rows = value["TORCHTENSOR"] if isinstance(value, dict) else value
    if not isinstance(rows, list) or not rows:
        raise ValueError
    return rows if isinstance(rows[0], list) else [rows]


def _vector(row: Any) -> list[float]:
    if not isinstance(row, list) or not all(type(number) in (int, float) and math.isfinite(number) for number in row):
        raise ValueError
    return [float(number) for number in row]


def _text(path: Path) -> bytes | None:
    with open(path, "rb") as file:
        if file.read(len(SIGNATURE)) != SIGNATURE or path.stat().st_size > LARGEST:
            return None
        for kind, data in _chunks(file):
            key, _, rest = data.partition(b"\0")
            if key == KEY:
                return _unpacked(path, kind, rest)
    return None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The text chunks of a PNG; the file's own length bounds them."""
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4]), head[4:]
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield kind, file.read(length)
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)


def _unpacked(path: Path, kind: bytes, rest: bytes) -> bytes:
    """A chunk's text behind its keyword; compressed ones grow to `LARGEST` at most."""
    if kind == b"tEXt":
        return rest
    packed = kind == b"zTXt" or rest[:1] == b"\1"
    text = rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
    if not packed:
        return text
    try:
        grown = zlib.decompressobj()
        found = grown.decompress(text, LARGEST)
    except zlib.error:
        raise BadModelFile(f"The embedding in {path.name} is damaged.", REMEDY) from None
    if grown.unconsumed_tail:
        raise BadModelFile(f"The text in {path.name} is too large for an embedding.", REMEDY)
    return found
