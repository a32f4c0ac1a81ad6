"""Safetensors files read and written piece by piece: a file of any size passes through a few dozen megabytes of memory. No torch, no network.

Numbers pass through float32, whatever type they are kept in; what is only copied stays as its bytes are. Source of the types: IEEE 754 for halves, the
first 16 bits of a float32 for bfloat16, OCP's specification of 8-bit floats.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modules.catalog import header
from modules.catalog.header import SIZES, Entry
from modules.core.errors import BadModelFile
from modules.core.files import piecewise

Floats = NDArray[np.float32]
CHUNK = 2**21
"""Numbers in one piece: 8 MB of float32."""
NUMBERS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
"""The types that are numbers to compute with; all others are copied."""
LARGEST_HALF = 65504.0


Report = Callable[[float], None]
"""Told how far it is, from 0 to 1; raises to end the work."""


class Tensor(NamedTuple):
    """What is to be written. pieces: makes its bytes anew, in order, each time it is called."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Callable[[], Iterator[NDArray[Any]]]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * SIZES[self.dtype]


@dataclass(frozen=True)
class Source:
    """One file, by its header. Opening reads nothing else. Raises BadModelFile for a damaged one."""

    path: Path
    header: header.Header

    @classmethod
    def open(cls, path: Path) -> Source:
        return cls(path, header.read(path))

    @property
    def tensors(self) -> Mapping[str, Entry]:
        return self.header.tensors

    def raw(self, name: str) -> Iterator[NDArray[Any]]:
        """The bytes of a tensor as they lie in the file."""
        first, last = self.header.offsets[name]
        yield from self._bytes(first, last, CHUNK * 4)

    def floats(self, name: str) -> Iterator[Floats]:
        """A tensor's numbers, flat, at most CHUNK at a time."""
        entry = self.tensors[name]
        first, last = self.header.offsets[name]
        for piece in self._bytes(first, last, CHUNK * SIZES[entry.dtype]):
            yield decoded(piece, entry.dtype)

    def whole(self, name: str) -> Floats:
        """A tensor's numbers in its shape, at once; for small ones."""
        return np.concatenate([*self.floats(name), np.zeros(0, np.float32)]).reshape(self.tensors[name].shape)

    def copied(self, name: str, into: str = "", shape: tuple[int, ...] | None = None) -> Tensor:
        """The tensor as it is, under the name `into` where one is given, and in another shape of as many numbers."""
        entry = self.tensors[name]
        return Tensor(into or name, entry.dtype, entry.shape if shape is None else shape, lambda: self.raw(name))

    def cast(self, name: str, dtype: str, into: str = "", shape: tuple[int, ...] | None = None) -> Tensor:
        """The tensor's numbers in another type; what holds none, or has the type already, is copied."""
        entry = self.tensors[name]
        if entry.dtype not in NUMBERS or entry.dtype == dtype:
            return self.copied(name, into, shape)
        return Tensor(into or name, dtype, entry.shape if shape is None else shape, lambda: (encoded(piece, dtype) for piece in self.floats(name)))

    def _bytes(self, first: int, last: int, step: int) -> Iterator[NDArray[Any]]:
        try:
            with open(self.path, "rb", buffering=0) as file:
                for start in range(first, last, step):
                    count = min(step, last - start)
                    piece = np.fromfile(file, np.uint8, count) if file.seek(start) == start else np.zeros(0, np.uint8)
                    if len(piece) != count:
                        raise OSError("it ended early")
                    yield piece
        except OSError as error:
            raise BadModelFile(f"{self.path.name} cannot be read: {error.strerror or error}.", "Check that it is there and that you may read it.") from None


def write(path: Path, tensors: Iterable[Tensor], metadata: Mapping[str, str], report: Report) -> None:
    """Writes a new safetensors file; it has its name only when it is whole. Raises OutputTrouble, also where the name is taken, BadModelFile for a source
    that cannot be read, and what `report` raises."""
    ordered = sorted(tensors, key=lambda tensor: -SIZES[tensor.dtype])  # wider types first, so that every tensor is aligned to its own
    table: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for tensor in ordered:
        table[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [end, end + tensor.nbytes]}
        end += tensor.nbytes
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    text += b" " * (-len(text) % 8)
    done = 0
    report(0.0)
    with piecewise(path) as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in ordered:
            before = done
            for piece in tensor.pieces():
                file.write(np.ascontiguousarray(piece).data)
                done += piece.nbytes
                report(done / max(end, 1))
            if done - before != tensor.nbytes:
                raise BadModelFile(f"{tensor.name[:80]} has changed while it was read.", "Try again when nothing writes to that file.")


def decoded(raw: NDArray[Any], dtype: str) -> Floats:
    """Bytes -> float32; exact, but for F64."""
    if dtype == "F32":
        return raw.view("<f4").astype(np.float32, copy=False)
    if dtype == "F16":
        return raw.view("<f2").astype(np.float32)
    if dtype == "BF16":
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype == "F64":
        return raw.view("<f8").astype(np.float32)
    return EIGHT[dtype][raw]


def encoded(numbers: Floats, dtype: str) -> NDArray[Any]:
    """float32 -> F32, F16 or BF16, to the nearest, ties to even. What is too large for a half becomes the largest one: an infinity spoils a whole picture."""
    if dtype == "F32":
        return numbers.astype("<f4", copy=False)
    if dtype == "F16":
        return np.clip(numbers, -LARGEST_HALF, LARGEST_HALF).astype("<f2")
    if dtype == "BF16":
        bits = numbers.view(np.uint32)
        rounded = ((bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
        return np.where(np.isnan(numbers), np.uint16(0x7FC0), rounded).astype("<u2")
    raise ValueError(dtype)


def _eight(exponent: int, mantissa: int, finite: bool) -> Floats:
    """The values of all 256 bytes. finite: a type without infinities, whose only NaN is all ones (E4M3)."""
    bias, table = 2 ** (exponent - 1) - 1, np.zeros(256, np.float32)
    for byte in range(256):
        power, part = byte >> mantissa & (2**exponent - 1), byte & (2**mantissa - 1)
        value = math.ldexp(part / 2**mantissa, 1 - bias) if power == 0 else math.ldexp(1 + part / 2**mantissa, power - bias)
        if power == 2**exponent - 1 and (not finite or part == 2**mantissa - 1):
            value = math.nan if finite or part else math.inf
        table[byte] = -value if byte & 128 else value
    return table


EIGHT: Mapping[str, Floats] = {"F8_E4M3": _eight(4, 3, True), "F8_E5M2": _eight(5, 2, False)}
