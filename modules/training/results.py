"""What a training leaves: a model file in its folder, whole or not there at all, and beside it a picture and notes for its card."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from modules.catalog import beside
from modules.catalog.beside import Notes
from modules.core.errors import EaselError, InvalidRequest, OutputTrouble
from modules.core.files import make_folder, piecewise, publish, replace, trouble
from modules.core.training import TrainingRequest


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Raises OutputTrouble, also where the name was taken meanwhile."""
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, dict(metadata))
    with piecewise(path) as file:
        file.write(data)


def write_unet(path: Path, source: Path, unet: Any) -> None:
    """A diffusers folder like `source` with another UNet. Raises OutputTrouble."""
    make_folder(path.parent)
    temporary = path.with_name(f".easel-{secrets.token_hex(8)}")
    try:
        shutil.copytree(
            source, temporary, ignore=lambda place, names: [name for name in names if name == "unet" or Path(place, name).is_dir() and name.startswith(".")]
        )
        unet.save_pretrained(temporary / "unet", safe_serialization=True)
        publish(temporary, path)
    except OSError as error:
        raise trouble(error, path) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_beside(path: Path, request: TrainingRequest, description: str, picture: bytes) -> list[str]:
    """The card's picture and notes. What cannot be written is told, not raised: the model is there."""
    notes: list[str] = []
    name = path.stem if path.suffix == ".safetensors" else path.name
    try:
        with contextlib.suppress(InvalidRequest):
            beside.write_notes(path, name, Notes(description=description, activation=request.trigger))
        if picture:
            replace(path.with_name(f"{name}.preview.png"), picture)
    except (OutputTrouble, EaselError) as error:
        notes.append(str(error))
    return notes
