"""Where the result of a training goes, by A1111's names of folders. No torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from modules.core.errors import InvalidRequest
from modules.core.paths import Paths
from modules.core.training import TrainingRequest, What

FOLDERS: Mapping[What, str] = {"lora": "Lora", "inversion": "embeddings", "unet": "Stable-diffusion", "autoencoder": "VAE"}
"""Under models, A1111's."""


def place_of(request: TrainingRequest, paths: Paths) -> Path:
    """Where the result goes: a file, or a folder of diffusers for a whole UNet."""
    return paths.models / FOLDERS[request.what] / (request.name if request.what == "unet" else f"{request.name}.safetensors")


def target(request: TrainingRequest, paths: Paths) -> Path:
    """Likewise. Raises InvalidRequest where something of that name is there already."""
    path = place_of(request, paths)
    if os.path.lexists(path):
        raise InvalidRequest(f"There is a model {path.name} already.", "Choose another name, or move that file away.", "name")
    return path


def leads() -> bool:
    """Of several processes that train together, whether this is the one that writes; it is where there is only one."""
    return os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """How many train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))
