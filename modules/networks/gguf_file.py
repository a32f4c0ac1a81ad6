"""The tensors of a GGUF file: as numbers, tensor by tensor, or as the blocks that the file keeps them in (`kept`), which layers unpack when they compute
(`networks.packed`), to the same numbers. Knows no network.

Sources: ggml's GGUF format, by its own package, and by diffusers' kernels where layers unpack it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.quantizers.gguf.utils import dequantize_functions
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from torch import Tensor

from modules.catalog.gguf import FEW_BITS, MAGIC
from modules.core.errors import BadModelFile
from modules.memory.device import is_out_of_memory
from modules.networks.packed import Kept

BLOCKS = tuple(GGMLQuantizationType[name] for name in FEW_BITS)
"""The types that a layer can keep."""


class Gguf:
    """The tensors of a GGUF file, unpacked as they are asked for."""

    def __init__(self, path: Path) -> None:
        try:
            with open(path, "rb") as file:
                if file.read(4) != MAGIC:
                    raise ValueError("it does not begin as one")
            reader = GGUFReader(path)
            self._tensors = {tensor.name: tensor for tensor in reader.tensors}
            self.shapes = {name: tuple(int(side) for side in reversed(tensor.shape.tolist())) for name, tensor in self._tensors.items()}
            self._kept = {
                field.removeprefix("comfy.gguf.orig_shape."): tuple(int(part[0]) for part in map(list, _parts(reader, field)))
                for field in reader.fields
                if field.startswith("comfy.gguf.orig_shape.")
            }
        except Exception as error:  # the package raises whatever a wrong byte leads to
            if is_out_of_memory(error):
                raise
            raise BadModelFile(f"{path.name} is no GGUF file that can be read: {str(error)[:200]}.", "Download or copy the model again.") from error
        self.shapes |= {name: shape for name, shape in self._kept.items() if name in self.shapes and math.prod(shape) == math.prod(self.shapes[name])}

    def read(self, names: Iterable[str], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in names:
            tensor = self._tensors[name]
            try:
                values = np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
            except (NotImplementedError, ValueError) as error:
                raise BadModelFile(f"The tensor {name} is kept as {tensor.tensor_type.name}, which cannot be read: {error}.", "Choose another file.") from None
            unpacked = torch.from_numpy(values).reshape(self.shapes[name])
            found[name] = unpacked.to(dtype) if dtype else unpacked
        return found

    def kept(self, name: str) -> Kept | None:
        tensor = self._tensors[name]
        if tensor.tensor_type not in BLOCKS or tensor.data.ndim != 2 or len(self.shapes[name]) != 2:
            return None
        codes = torch.from_numpy(np.array(tensor.data)).view(torch.int8)
        return Kept(codes, self.shapes[name], Blocks(tensor.tensor_type))


@dataclass(frozen=True)
class Blocks:
    """How GGUF's blocks of one type are numbers: as its own package unpacks them, on whatever device they lie."""

    type: GGMLQuantizationType

    def __call__(self, codes: Tensor, scales: Tensor | None, levels: Tensor | None) -> Tensor:
        numbers, size = GGML_QUANT_SIZES[self.type]
        made: Tensor = dequantize_functions[self.type](codes.view(torch.uint8).reshape(-1, size), numbers, size, dtype=torch.float32)
        return made.reshape(len(codes), -1)


def _parts(reader: Any, field: str) -> list[Any]:
    held = reader.fields[field]
    return [held.parts[index] for index in held.data]
