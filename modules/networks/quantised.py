"""Weights kept in few bits: fp8 with scales, bitsandbytes' four bits. Read as numbers again, tensor by tensor, so that memory holds one unpacked
file tensor at a time; or handed over as they are kept (`kept`), for layers that unpack them when they compute (`networks.packed`), to the same numbers.
Knows no network.

Sources: ComfyUI's files (`scaled_fp8`, `scale_weight`, `weight_scale`); bitsandbytes' packed state (Dettmers et al. 2023, "QLoRA").
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.catalog import naming
from modules.core.errors import BadModelFile
from modules.memory.device import is_out_of_memory
from modules.networks.gguf_file import Gguf
from modules.networks.packed import Kept, of_levels, table
from modules.networks.sources import Shape, Source
from modules.networks.weights import DTYPES, EIGHT_BITS, INTEGERS, Weights, eight_bits

SCALES = (".scale_weight", ".weight_scale")
STATES = (".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4")
ASIDE = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", *STATES, ".scale_input", ".input_scale", *SCALES)
STATE_LIMIT = 4096
"""Bytes of the JSON that says how one tensor was packed."""


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

    def __init__(self, weights: Weights) -> None:
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

    def kept(self, name: str) -> Kept | None:
        if name not in self._scales:
            return self._weights.kept(name)
        if self._weights.dtype(name) not in EIGHT_BITS:
            return None
        scale = self._scales[name]
        return eight_bits(self._weights, name, self._weights.read([scale], torch.float32)[scale])


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

    def kept(self, name: str) -> Kept | None:
        """Where no block reaches over the end of a row."""
        state = self._states.get(name)
        if state is None:
            return self._weights.kept(name)
        rows, columns = (*state["shape"], 0, 0)[:2]
        if len(state["shape"]) != 2 or columns % state["blocksize"]:
            return None
        with self._whole(name):
            packed, largest, levels = self._parts(name, state)
            if packed.numel() * 2 != rows * columns or largest.numel() * state["blocksize"] != rows * columns or levels.numel() != 16:
                raise ValueError("parts and shape do not belong together")
            return Kept(packed.view(torch.int8).reshape(rows, -1), (rows, columns), of_levels, largest.float().reshape(rows, -1), table(levels))

    def _unpacked(self, name: str, state: dict[str, Any]) -> Tensor:
        with self._whole(name):
            packed, largest, levels = self._parts(name, state)
            values = levels[torch.stack([packed >> 4, packed & 15], 1).reshape(-1).long()]
            return _blocks(values[: math.prod(state["shape"])].float(), largest.float(), state["blocksize"]).reshape(state["shape"])

    def _parts(self, name: str, state: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """-> its bytes in one row, the largest number of each block, and the levels. Raises what a damaged tensor leads to."""
        beside = [f"{name}{end}" for end in ASIDE[:4] if f"{name}{end}" in self._weights.shapes]
        held = self._weights.read([name, *beside])
        absmax = held[f"{name}.absmax"]
        if f"{name}.nested_absmax" in held:
            nested = held[f"{name}.nested_quant_map"][absmax.long()].reshape(-1)
            absmax = _blocks(nested, held[f"{name}.nested_absmax"], int(state["nested_blocksize"])) + float(state["nested_offset"])
        return held[name].reshape(-1), absmax, held[f"{name}.quant_map"]

    @contextmanager
    def _whole(self, name: str) -> Iterator[None]:
        """Says of a tensor whose parts do not belong together that it is damaged. Raises BadModelFile."""
        try:
            yield
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
