"""Reads the header of a GGUF file: names, types, shapes and offsets of its tensors, and the short texts of its metadata. No torch; nothing is mapped.

Sources: the format's description in ggml (docs/gguf.md) and the block sizes of ggml's types. Sides are turned round, so that a shape reads as torch writes it.
`general.architecture` is what the maker's program put there; what the file is, its tensors say.
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from modules.catalog.header import Entry, Header
from modules.core.errors import BadModelFile

MAGIC = b"GGUF"
MOST_TENSORS, MOST_KEYS, MOST_VALUES = 100_000, 10_000, 2_000_000
"""Of one file, and of one list in its metadata; a vocabulary has some 250,000 words."""
NAME_LIMIT, TEXT_LIMIT = 1_000, 2_000
HEADER_LIMIT = 100_000_000
"""Bytes before the tensors, of which next to nothing is kept; a large vocabulary has some 10 MB."""
SIDES = 8

TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}
"""ggml's number of a type -> (name, elements of a block, bytes of a block)."""

FEW_BITS = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS")
"""Types of which a loaded layer keeps the blocks; of others it has plain numbers."""

PLAIN = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Number of a kind of value in the metadata -> struct's letter; 8 is a text, 9 a list."""
TEXT, LIST = 8, 9
SHAPES = "comfy.gguf.orig_shape."
"""Under this name and a tensor's stands the shape that it had before it was flattened for its blocks."""
REMEDY = "Download or copy it again."


class _Damage(Exception):
    """What is wrong, as the second half of a sentence."""


class _Raw(NamedTuple):
    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def read(path: Path) -> Header:
    """The header of a whole file. Raises BadModelFile that says what is wrong with it."""
    found = examined(path)
    if found.cut:
        raise BadModelFile(f"{path.name} {found.cut}.", REMEDY)
    return found


def examined(path: Path) -> Header:
    """The header, also of a file that was cut short behind it. Raises BadModelFile that says what is wrong with it."""
    try:
        with open(path, "rb") as file:
            return _Reader(file).header()
    except _Damage as error:
        raise BadModelFile(f"{path.name} {error}.", REMEDY) from None
    except OSError as error:
        raise BadModelFile(f"{path.name} cannot be read: {error.strerror or error}.", "Check that it is there and that you may read it.") from None
    except (UnicodeDecodeError, struct.error, OverflowError):
        raise BadModelFile(f"{path.name} is damaged: its header cannot be read.", REMEDY) from None


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.file, self.size = file, os.fstat(file.fileno()).st_size
        self.long = "Q"

    def header(self) -> Header:
        if self.bytes(4) != MAGIC:
            raise _Damage("is no GGUF file")
        (version,) = self.numbers("I")
        if version not in (1, 2, 3):
            raise _Damage(f"is of version {version} of GGUF; 1, 2 and 3 are known")
        self.long = "I" if version == 1 else "Q"
        tensors, keys = self.numbers(self.long * 2)
        if tensors > MOST_TENSORS or keys > MOST_KEYS:
            raise _Damage(f"is damaged: it says that it has {tensors} tensors and {keys} values")
        texts: dict[str, str] = {}
        shapes: dict[str, tuple[int, ...]] = {}
        alignment = 32
        for _ in range(keys):
            key = self.text(NAME_LIMIT)
            (kind,) = self.numbers("I")
            value = self.value(kind, key.startswith(SHAPES))
            if isinstance(value, str):
                texts[key] = value
            elif isinstance(value, tuple):
                shapes[key.removeprefix(SHAPES)] = value
            elif key == "general.alignment" and value:
                alignment = value
        return self.placed([self.tensor() for _ in range(tensors)], shapes, texts, alignment)

    def tensor(self) -> _Raw:
        name = self.text(NAME_LIMIT)
        (count,) = self.numbers("I")
        if count > SIDES:
            raise _Damage(f"is damaged: {name[:80]!r} has {count} sides")
        sides = self.numbers(self.long * count) if count else ()
        kind, offset = self.numbers("IQ")
        return _Raw(name, tuple(reversed(sides)), kind, offset)

    def placed(self, raw: list[_Raw], shapes: dict[str, tuple[int, ...]], texts: dict[str, str], alignment: int) -> Header:
        """With absolute offsets. Raises _Damage for what overlaps."""
        if alignment > 2**16:
            raise _Damage(f"is damaged: its tensors are aligned to {alignment} bytes")
        data = -(-self.file.tell() // alignment) * alignment
        found: dict[str, Entry] = {}
        offsets: dict[str, tuple[int, int]] = {}
        for row in raw:
            if row.kind not in TYPES:
                raise _Damage(f"holds {row.name[:80]!r} of the unknown type {row.kind}")
            if row.name in found:
                raise _Damage(f"is damaged: its header names {row.name[:80]!r} twice")
            name, block, size = TYPES[row.kind]
            elements = math.prod(row.shape)
            if elements % block:
                raise _Damage(f"is damaged: {row.name[:80]!r} has {elements} elements, which are no whole blocks of {block}")
            wanted = shapes.get(row.name, row.shape)
            found[row.name] = Entry(name, wanted if math.prod(wanted) == elements else row.shape)
            first = data + row.offset
            offsets[row.name] = (first, first + elements // block * size)
        end = 0
        for first, last in sorted(offsets.values()):
            if first < end:
                raise _Damage("is damaged: two of its tensors overlap")
            end = last
        return Header(found, texts, offsets, f"is cut short: it should have {end} bytes and has {self.size}" if end > self.size else "")

    def value(self, kind: int, kept: bool) -> str | int | tuple[int, ...] | None:
        """A text, a whole number, a kept list of whole numbers; None for anything else, which is passed over."""
        if kind == TEXT:
            return self.text(TEXT_LIMIT)
        if kind in PLAIN:
            (value,) = self.numbers(PLAIN[kind])
            return value if type(value) is int else None
        if kind != LIST:
            raise _Damage(f"is damaged: a value of the unknown kind {kind}")
        inner, count = self.numbers("I" + self.long)
        if count > MOST_VALUES:
            raise _Damage(f"is damaged: a list of {count} values")
        if inner in PLAIN:
            letter = PLAIN[inner]
            if kept and count <= SIDES and letter not in "fd?":
                return self.numbers(letter * count)
            self.skip(struct.calcsize(f"<{letter}") * count)
        elif inner == TEXT:
            for _ in range(count):
                self.skip(self.numbers(self.long)[0])
        else:
            raise _Damage("is damaged: a list of lists")
        return None

    def text(self, most: int) -> str:
        """As it stands; of a long one the beginning."""
        (length,) = self.numbers(self.long)
        if length > self.size:
            raise _Damage("is cut short or damaged: a text is longer than the file")
        data = self.bytes(min(length, most))
        self.skip(length - len(data))
        return data.decode("utf-8", "replace")

    def numbers(self, letters: str) -> tuple[int, ...]:
        return struct.unpack(f"<{letters}", self.bytes(struct.calcsize(f"<{letters}")))

    def bytes(self, count: int) -> bytes:
        data = self.file.read(count)
        if len(data) != count:
            raise _Damage(f"is cut short: it ends in its header, after {self.size} bytes")
        return data

    def skip(self, count: int) -> None:
        place = self.file.tell() + count
        if place > min(self.size, HEADER_LIMIT):
            raise _Damage("is cut short or damaged: its header is longer than it may be")
        self.file.seek(count, os.SEEK_CUR)
