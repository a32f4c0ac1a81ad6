"""What a training leaves: a model file in its folder, whole or not there at all, and beside it a picture and notes for its card."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from modules.catalog import beside
from modules.catalog.beside import Notes
from modules.core.errors import EaselError, InvalidRequest, OutputTrouble
from modules.core.files import piecewise, publish, replace, trouble, workplace
from modules.core.training import TrainingRequest, called

NUMBER = re.compile(r"(?:os error |Errno )([0-9]+)")
"""Of the disk's own error, in what a library says of it."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Raises OutputTrouble, also where the name was taken meanwhile."""
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, dict(metadata))
    with piecewise(path) as file:
        file.write(data)


def write_unet(path: Path, source: Path, unet: Any) -> None:
    """A diffusers folder like `source` with another UNet. Raises OutputTrouble."""
    with workplace(path.parent) as made:
        try:
            shutil.copytree(source, made, ignore=_left_out, dirs_exist_ok=True)
            unet.save_pretrained(made / "unet", safe_serialization=True)
        except (OSError, SafetensorError) as error:
            raise trouble(_of_disk(error), path) from None
        publish(made, path)


def _left_out(place: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "unet" or Path(place, name).is_dir() and name.startswith(".")]


def _of_disk(error: OSError | SafetensorError) -> OSError:
    """The disk's own error: of several files, or through safetensors' writer, it stands in words only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    number = NUMBER.search(str(error))
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error)[:200])


def write_beside(path: Path, request: TrainingRequest, description: str, picture: bytes) -> list[str]:
    """The card's picture and notes. What cannot be written is told, not raised: the model is there."""
    notes: list[str] = []
    name = path.stem if path.suffix == ".safetensors" else path.name
    try:
        with contextlib.suppress(InvalidRequest):
            beside.write_notes(path, name, Notes(description=description, activation=called(request)))
        if picture:
            replace(path.with_name(f"{name}.preview.png"), picture)
    except (OutputTrouble, EaselError) as error:
        notes.append(str(error))
    return notes
