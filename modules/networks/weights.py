"""Reads tensors out of safetensors files, always in the one way that gives the same bits every time: owned, aligned copies, never views of a mapped file.

A mapped file's tensors lie unaligned in memory and take other kernels, so that the last bits of a picture would hang on how a file was opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import torch
from torch import Tensor

from modules.catalog import header
from modules.core.errors import BadModelFile
from modules.networks.packed import Kept

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
"""The types in which weights are kept; others (quantised blocks) are not read as weights."""
INTEGERS = {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}
"""The types of index buffers, for networks that keep theirs in the file."""


EIGHT_BITS = (torch.float8_e4m3fn, torch.float8_e5m2)


@dataclass(frozen=True)
class EightBits:
    """How bytes are fp8 numbers of one type, times a scale where there is one."""

    type: torch.dtype

    def __call__(self, codes: Tensor, scales: Tensor | None, levels: Tensor | None) -> Tensor:
        numbers = codes.view(self.type)
        return numbers if scales is None else numbers.float().mul_(scales)


class Weights:
    """The tensors of one or several safetensors files, by name. dtypes: which are read. Opening reads headers only. Raises BadModelFile for a damaged one."""

    def __init__(self, files: Iterable[Path], dtypes: Mapping[str, torch.dtype] = DTYPES) -> None:
        self._places: dict[str, tuple[Path, int, torch.dtype]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for file in files:
            found = header.read(file)
            for name, entry in found.tensors.items():
                if entry.dtype in dtypes:
                    self.shapes[name] = entry.shape
                    self._places[name] = file, found.offsets[name][0], dtypes[entry.dtype]

    def read(self, names: Iterable[str], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """These tensors, converted to `dtype` (None: as they are kept), on the CPU, each in memory of its own. Raises BadModelFile when a file has changed or gone meanwhile."""
        wanted: dict[Path, list[str]] = {}
        for name in names:
            wanted.setdefault(self._places[name][0], []).append(name)
        tensors: dict[str, Tensor] = {}
        for file, inside in wanted.items():
            try:
                with open(file, "rb", buffering=0) as stream:
                    for name in sorted(inside, key=lambda name: self._places[name][1]):  # in file order: one pass over the disk
                        _, start, kept = self._places[name]
                        tensor = torch.empty(self.shapes[name], dtype=kept)
                        stream.seek(start)
                        _fill(tensor, stream)
                        tensors[name] = tensor if dtype is None else tensor.to(dtype)
            except OSError as error:
                raise BadModelFile(f"{file.name} cannot be read: {error.strerror or error}.", "Check that it is there and that you may read it.") from None
        return tensors

    def dtype(self, name: str) -> torch.dtype:
        """As the file keeps it."""
        return self._places[name][2]

    def kept(self, name: str) -> Kept | None:
        """fp8 numbers without a scale."""
        return eight_bits(self, name, None) if self.dtype(name) in EIGHT_BITS else None


def eight_bits(weights: Weights, name: str, scale: Tensor | None) -> Kept | None:
    """fp8 numbers, [rows, columns]. scale: of all, or of each row; None: without. None for a tensor that is no matrix."""
    shape = weights.shapes[name]
    if len(shape) != 2 or scale is not None and scale.numel() not in (1, shape[0]):
        return None
    codes = weights.read([name])[name]
    scales = None if scale is None else scale.float().reshape(-1, 1).expand(shape[0], 1).contiguous()
    return Kept(codes.view(torch.int8), shape, EightBits(codes.dtype), scales)


def _fill(tensor: Tensor, stream: FileIO) -> None:
    memory = tensor.reshape(-1).view(torch.uint8).numpy().data
    done = 0
    while done < len(memory):
        count = stream.readinto(memory[done:])
        if not count:
            raise OSError("it ended early")
        done += count
