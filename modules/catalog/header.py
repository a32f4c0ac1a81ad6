"""Reads the header of a safetensors file: names, element types, shapes and offsets. Knows no model and maps no file; a few milliseconds, no torch.

Source: the safetensors format, https://github.com/huggingface/safetensors#format: 8 bytes of length, that many bytes of JSON, then the data without
holes. Everything that its reference reader refuses is refused here too, with the reason in words, and so is a file that was cut short.
"""

from __future__ import annotations

import json
import os
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeGuard

import orjson

from modules.core.errors import BadModelFile

HEADER_LIMIT = 32 * 2**20
"""Bytes; the reference reader's own limit is 100 MB, real headers have up to 2 MB, and some times that with pictures in their metadata. What is read of one
takes some ten times as much memory."""

MOST = 800_000
"""Names in a header, four of each tensor and those in the metadata's own texts; the largest real ones have some 50,000. More would fill the memory."""

SIZES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0", "I8", "U8", "BOOL"), 1),
}
"""Bytes of one element, by the format's name for its type."""

LONGEST = 2**63 - 1
REMEDY = "Download or copy it again."


class Entry(NamedTuple):
    """One tensor as the header names it: type ("F16", "F32", ...) and shape."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Header:
    """tensors, in file order. offsets: absolute first and last+1 byte of each tensor in the file. metadata: free texts that the maker wrote.
    cut: what is wrong with the file behind a header that is in order, as the second half of a sentence; "" for a whole one."""

    tensors: Mapping[str, Entry]
    metadata: Mapping[str, str] = field(default_factory=dict)
    offsets: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    cut: str = ""

    def shape(self, name: str) -> tuple[int, ...]:
        """() where there is no such tensor."""
        return self.tensors[name].shape if name in self.tensors else ()


class Known(Protocol):
    """What remembers tables of tensors (`catalog.tables`)."""

    def header(self, text: bytes, data: int, read: Callable[[], Header]) -> Header: ...


def read(path: Path) -> Header:
    """The header of a whole file. Raises BadModelFile that says what is wrong with it."""
    found = examined(path)
    if found.cut:
        raise _bad(path, found.cut)
    return found


def examined(path: Path, known: Known | None = None) -> Header:
    """The header, also of a file that was cut short behind it. known: tables that were read before. Raises BadModelFile that says what is wrong with it."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            if len(start) < 8:
                raise _bad(path, f"has only {size} bytes")
            length = struct.unpack("<Q", start)[0]
            if length > HEADER_LIMIT:
                raise _bad(path, _not_safetensors(start + file.read(64)))
            if length > size - 8:
                raise _bad(path, f"is cut short: its header alone has {length} bytes, the file {size}")
            text = file.read(length)
            if text.count(b'":') > MOST:
                raise _bad(path, f"is damaged: its header has more than {MOST // 4} entries, and no model has so many")
    except OSError as error:
        raise BadModelFile(f"{path.name} cannot be read: {error.strerror or error}.", "Check that it is there and that you may read it.") from None

    def parsed() -> Header:
        return _checked(_parsed(text), 8 + length, size)

    try:
        return known.header(text, size - length, parsed) if known else parsed()
    except _Damage as error:
        raise _bad(path, str(error)) from None
    except (ValueError, RecursionError):
        raise _bad(path, "is damaged: its header is no readable JSON") from None


class _Damage(Exception):
    """What is wrong with a header, as the second half of a sentence."""


def _parsed(text: bytes) -> Any:
    """The JSON of a header. The fast reader keeps the last of two values of one name without a word; where names and tensors do not count up, the slow one looks."""
    try:
        tree = orjson.loads(text)
    except ValueError:
        tree = None
    if isinstance(tree, dict) and text.count(b'"__metadata__"') == ("__metadata__" in tree):
        count = len(tree) - ("__metadata__" in tree)
        if all(text.count(key) == count for key in (b'"dtype"', b'"shape"', b'"data_offsets"')):
            return tree
    return json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise _Damage(f"is damaged: its header names {twice[:80]!r} twice")
    return found


def _checked(tree: Any, data: int, size: int) -> Header:
    """data: where the tensors' bytes begin. Raises _Damage."""
    if not isinstance(tree, dict):
        raise _Damage("is damaged: its header is no table of tensors")
    metadata = tree.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _Damage("is damaged: its metadata are no texts")
    tensors: dict[str, Entry] = {}
    offsets: dict[str, tuple[int, int]] = {}
    end, ordered = 0, True
    for name, row in tree.items():
        try:
            dtype, shape, (first, last) = row["dtype"], row["shape"], row["data_offsets"]
            bytes_wanted = SIZES[dtype]
            for side in shape:
                if type(side) is not int or side < 0 or side > LONGEST:
                    raise ValueError
                bytes_wanted *= side
            if type(first) is not int or type(last) is not int or first < 0 or last - first != bytes_wanted:
                raise ValueError
        except (TypeError, KeyError, ValueError):
            raise _wrong(name, row) from None
        tensors[name] = Entry(dtype, tuple(shape))
        offsets[name] = (data + first, data + last)
        ordered = ordered and first == end
        end = last
    if not ordered:
        end = _end_of(tensors, offsets, data)
    cut = f"is cut short: it should have {data + end} bytes and has {size}" if data + end > size else ""
    if data + end < size:
        cut = f"is damaged: {size - data - end} bytes follow its last tensor"
    return Header(tensors, metadata, offsets, cut)


def _end_of(tensors: Mapping[str, Entry], offsets: Mapping[str, tuple[int, int]], data: int) -> int:
    """Where the data ends. Raises _Damage for tensors that overlap or leave holes."""
    end = data
    for name in sorted(tensors, key=lambda name: (*offsets[name], name)):
        first, last = offsets[name]
        if first != end:
            raise _Damage(f"is damaged: {name[:80]!r} {'overlaps another tensor' if first < end else 'leaves a hole before it'}")
        end = last
    return end - data


def _wrong(name: str, row: Any) -> _Damage:
    """What is wrong with the row of a tensor."""
    if not isinstance(row, dict):
        return _Damage(f"is damaged: {name[:80]!r} is no tensor")
    dtype, shape, offsets = row.get("dtype"), row.get("shape"), row.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in SIZES:
        return _Damage(f"holds {name[:80]!r} of the unknown type {str(dtype)[:20]!r}")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        return _Damage(f"is damaged: shape or place of {name[:80]!r} are no whole numbers from 0 up")
    return _Damage(f"is damaged: {name[:80]!r} has another number of bytes than its shape {str(tuple(shape))[:60]} needs")


def _are_counts(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _not_safetensors(start: bytes) -> str:
    """What a file with an impossible header length rather is."""
    if start.startswith(b"version https://git-lfs"):
        return "is only Git LFS's pointer to the file"
    if start.lstrip().startswith(b"<"):
        return "is a web page, not a model"
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return "is a pickle (.ckpt) under the name of a safetensors file"
    return "is no safetensors file"


def _bad(path: Path, reason: str) -> BadModelFile:
    return BadModelFile(f"{path.name} {reason}.", REMEDY)
