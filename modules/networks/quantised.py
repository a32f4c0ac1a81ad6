"""Weights kept in few bits, read as numbers again: fp8 with scales, bitsandbytes' four bits, GGUF's blocks. Tensor by tensor, so memory holds one unpacked file
tensor at a time. Knows no network.

Sources: ComfyUI's files (`scaled_fp8`, `scale_weight`, `weight_scale`); bitsandbytes' packed state (Dettmers et al. 2023, "QLoRA"); ggml's GGUF format,
by its own package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from torch import Tensor

from modules.catalog import naming
from modules.core.errors import BadModelFile
from modules.memory.device import is_out_of_memory
from modules.networks.sources import Shape, Source
from modules.networks.weights import DTYPES, INTEGERS, Weights

SCALES = (".scale_weight", ".weight_scale")
STATES = (".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4")
ASIDE = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", *STATES, ".scale_input", ".input_scale", *SCALES)
STATE_LIMIT = 4096
"""Bytes of the JSON that says how one tensor was packed."""
MAGIC = b"GGUF"


def opened(path: Path) -> Source:
    """The weights of a file, however they are kept. Raises BadModelFile."""
    if path.suffix.lower() == ".gguf":
        return Gguf(path)
    files = naming.parts(path)
    weights = Weights(files, {**DTYPES, **INTEGERS})
    names = weights.shapes
    if any(name.endswith(STATES) for name in names):
        return FourBits(weights)
    if any(name.endswith(SCALES) for name in names):
        return Scaled(weights)
    return Weights(files)


class Scaled:
    """fp8 numbers times a scale of their own, one for a tensor or for each of its rows."""

    def __init__(self, weights: Source) -> None:
        self._weights = weights
        self._scales = {name.removesuffix(end) + ".weight": name for name in weights.shapes for end in SCALES if name.endswith(end)}
        self.shapes = {name: shape for name, shape in weights.shapes.items() if not name.endswith(ASIDE)}

    def read(self, names: Iterable[str], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in names:
            if name not in self._scales:
                found |= self._weights.read([name], dtype)
                continue
            pair = self._weights.read([name, self._scales[name]], torch.float32)
            scale = pair[self._scales[name]]
            scaled = pair[name].mul_(scale if scale.numel() == 1 else scale.reshape(-1, *[1] * (pair[name].dim() - 1)))
            found[name] = scaled.to(dtype) if dtype else scaled
        return found


class FourBits:
    """bitsandbytes' NF4 and FP4: two numbers in a byte, each one of sixteen, times the largest of its block; that one may be packed again."""

    def __init__(self, weights: Source) -> None:
        self._weights = weights
        self._states: dict[str, dict[str, Any]] = {}
        for name in weights.shapes:
            end = next((end for end in STATES if name.endswith(end)), "")
            if end:
                self._states[name.removesuffix(end)] = self._state(name)
        self.shapes: dict[str, Shape] = {}
        for name, shape in weights.shapes.items():
            if not name.endswith(ASIDE):
                self.shapes[name] = tuple(self._states[name]["shape"]) if name in self._states else shape

    def _state(self, name: str) -> dict[str, Any]:
        trouble = BadModelFile(f"{name} says nothing of how its tensor was packed.", "Download or copy the model again.")
        if math.prod(self._weights.shapes[name]) > STATE_LIMIT:
            raise trouble
        try:
            state = json.loads(bytes(self._weights.read([name])[name].numpy().tobytes()))
            counts = [*state["shape"], state["blocksize"]]
            if not all(type(count) is int and 0 < count < 2**31 for count in counts):
                raise trouble
        except (ValueError, KeyError, TypeError, RecursionError):
            raise trouble from None
        return dict(state)

    def read(self, names: Iterable[str], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in names:
            if name not in self._states:
                found |= self._weights.read([name], dtype)
                continue
            unpacked = self._unpacked(name, self._states[name])
            found[name] = unpacked.to(dtype) if dtype else unpacked
        return found

    def _unpacked(self, name: str, state: dict[str, Any]) -> Tensor:
        beside = [f"{name}{end}" for end in ASIDE[:4] if f"{name}{end}" in self._weights.shapes]
        held = self._weights.read([name, *beside])
        packed = held[name].reshape(-1)
        count = math.prod(state["shape"])
        try:
            absmax = held[f"{name}.absmax"]
            if f"{name}.nested_absmax" in held:
                nested = held[f"{name}.nested_quant_map"][absmax.long()].reshape(-1)
                absmax = _blocks(nested, held[f"{name}.nested_absmax"], int(state["nested_blocksize"])) + float(state["nested_offset"])
            values = held[f"{name}.quant_map"][torch.stack([packed >> 4, packed & 15], 1).reshape(-1).long()]
            return _blocks(values[:count].float(), absmax.float(), state["blocksize"]).reshape(state["shape"])
        except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            raise BadModelFile(f"The four-bit tensor {name} is damaged.", "Download or copy the model again.") from None


def _blocks(values: Tensor, largest: Tensor, size: int) -> Tensor:
    """Each block of `size` values times its largest."""
    whole = largest.float().repeat_interleave(size)[: len(values)]
    if len(whole) != len(values):
        raise ValueError("blocks and values do not belong together")
    return values.float() * whole


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


def _parts(reader: Any, field: str) -> list[Any]:
    held = reader.fields[field]
    return [held.parts[index] for index in held.data]
