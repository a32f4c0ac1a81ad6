"""A run's checkpoints: everything that the next step depends on, in one safetensors file that has its name only when it is whole.

Nothing in such a file is executed when it is read. A kill at any moment leaves the last whole one; the newest two are kept.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from modules.core.errors import BadModelFile
from modules.core.files import make_folder
from modules.networks.streaming import Tensor as Piece
from modules.networks.streaming import write
from modules.training.runs import listed as listed

KEPT = 2
TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.float64: "F64", torch.uint8: "U8", torch.int32: "I32"}


@dataclass
class State:
    """step: how many are done. tensors: by name. told: plain values: the optimizer's groups, the gradient scaler's state, the recipe's fingerprint."""

    step: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names begin with it, without it."""
        return {key.removeprefix(f"{name}."): tensor for key, tensor in self.tensors.items() if key.startswith(f"{name}.")}


def save(folder: Path, state: State) -> Path:
    """Raises OutputTrouble; the checkpoints before it are as they were then."""
    make_folder(folder)
    path = folder / name_of(state.step)
    if not path.exists():
        metadata = {"step": str(state.step), "told": json.dumps(state.told)}
        write(path, [_piece(name, tensor) for name, tensor in state.tensors.items()], metadata, lambda share: None)
    for number in listed(folder)[:-KEPT]:
        with contextlib.suppress(OSError):
            (folder / name_of(number)).unlink()
    return path


def name_of(step: int) -> str:
    return f"step-{step:08d}.safetensors"


def latest(folder: Path) -> State | None:
    """The newest checkpoint; None where there is none. Raises BadModelFile for one that somebody damaged."""
    steps = listed(folder)
    return read(folder / name_of(steps[-1])) if steps else None


def read(path: Path) -> State:
    """Raises BadModelFile."""
    try:
        with safe_open(path, "pt") as file:
            told: Mapping[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
        return State(int(told["step"]), tensors, json.loads(told["told"]))
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise BadModelFile(f"The checkpoint {path.name} cannot be read ({type(error).__name__}).", "Delete it; the one before it then serves.") from None


def of_optimizer(optimizer: Any) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Its state as tensors by `number.name`, and its groups as plain values."""
    whole = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    for number, values in whole["state"].items():
        for name, value in values.items():
            if value is not None:
                tensors[f"{number}.{name}"] = value if isinstance(value, Tensor) else torch.tensor(float(value))
    return tensors, [{name: value for name, value in group.items() if _plain(value)} for group in whole["param_groups"]]


def into_optimizer(optimizer: Any, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    fresh = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": [{**new, **old} for new, old in zip(fresh, groups, strict=True)]})


def _plain(value: Any) -> bool:
    return isinstance(value, (int, float, bool, str, type(None))) or (isinstance(value, (list, tuple)) and all(map(_plain, value)))


def _piece(name: str, tensor: Tensor) -> Piece:
    def pieces() -> Iterator[np.ndarray[Any, Any]]:
        whole = tensor.detach().cpu().contiguous()
        yield whole.reshape(-1).view(torch.uint8).numpy() if whole.numel() else np.zeros(0, np.uint8)

    return Piece(name, TYPES[tensor.dtype], tuple(tensor.shape), pieces)
