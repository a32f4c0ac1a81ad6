"""The child process that turns a torch pickle into safetensors: `python -m modules.networks.convert IN OUT MEMORY SIZE`. `networks.pickles` runs it.

Three walls: torch reads with `weights_only`, which builds tensors and plain containers and calls nothing that a file names; an audit hook ends the process at
the first socket, program, or file written elsewhere; and limits of memory, size and time. The last two are set before a byte is read (`networks.guard`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.catalog.pickled import flat, unwrapped
from modules.networks.guard import FORBIDDEN, NO_TENSORS, REFUSED, hook, limit


def tensors_of(found: Any) -> dict[str, Tensor]:
    """What of a loaded file are weights, each in memory of its own."""
    return {name: value.detach().contiguous().clone() for name, value in flat(unwrapped(found)) if isinstance(value, Tensor)}


TRAINERS = ("pytorch_lightning.", "lightning.", "numpy.")
"""Whose classes lie beside the weights in checkpoints of Stable Diffusion's own trainers: the state of a progress bar, a loss."""


class Left:
    """Stands where an object of a trainer stood; holds nothing and does nothing."""

    def __init__(self, *left: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def loaded(source: str) -> Any:
    """What the file holds, with `Left` for what trainers put beside the weights. Raises whatever torch raises for anything else."""
    try:
        unknown = torch.serialization.get_unsafe_globals_in_checkpoint(source)
    except Exception:  # older than torch's zip files: there the trainers' objects are refused with all others
        unknown = []
    left: list[Any] = [(type("Left", (Left,), {}), name) for name in unknown if name.startswith(TRAINERS)]
    with torch.serialization.safe_globals(left):
        return torch.load(source, map_location="cpu", weights_only=True)


def main(source: str, target: str, memory: int, size: int) -> int:
    limit(memory, size)
    sys.addaudithook(hook(Path(os.path.abspath(target)), lambda: os._exit(FORBIDDEN)))
    try:
        found = loaded(source)
    except Exception as error:  # pickle, zip and torch raise whatever damaged or forbidden bytes lead to
        print(str(error).splitlines()[0][:300] if str(error) else type(error).__name__, file=sys.stderr)
        return REFUSED
    tensors = tensors_of(found)
    if not tensors:
        return NO_TENSORS
    save_file(tensors, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
