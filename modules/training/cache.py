"""What the frozen networks make of pictures and texts, kept on the disk under a key of everything that decides it, and in memory as far as there is room.

A file that cannot be read, or written, costs time and nothing else. What holds not-a-number is never kept, and one that is found so is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from modules.core.errors import OutputTrouble
from modules.core.files import replace

Tensors = dict[str, Tensor]
ROOM = 2**30
"""Bytes of tensors that are held in memory."""


def sound(tensors: Mapping[str, Tensor]) -> bool:
    """Whether every value is a number."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors.values())


@dataclass
class Cache:
    """folder: where the files lie, two levels deep."""

    folder: Path
    _held: dict[str, Tensors] = field(default_factory=dict)
    _bytes: int = 0

    def get(self, key: Mapping[str, Any], make: Callable[[], Tensors]) -> Tensors:
        """key: everything that decides the tensors, as plain values."""
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        if name in self._held:
            return self._held[name]
        found = self._read(name)
        if found is None:
            with torch.no_grad():
                found = {part: tensor.detach().cpu().contiguous().clone() for part, tensor in make().items()}
            if not sound(found):
                return found
            with contextlib.suppress(OutputTrouble):
                replace(self._path(name), save(found))
        size = sum(tensor.nbytes for tensor in found.values())
        if self._bytes + size <= ROOM:
            self._held[name] = found
            self._bytes += size
        return found

    def _read(self, name: str) -> Tensors | None:
        path = self._path(name)
        try:
            found = load(path.read_bytes())
            os.utime(path)  # so that whoever tidies up sees what is still used
        except (OSError, SafetensorError, ValueError, KeyError):
            return None
        return found if sound(found) else None

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.safetensors"
