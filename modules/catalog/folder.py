"""A diffusers folder as files: its parts, their configs and weights. Reads headers and small JSON only; no torch.

Source of the layout: diffusers' `save_pretrained` (model_index.json, one sub-folder per component).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modules.catalog import header
from modules.catalog.header import Header
from modules.catalog.notes import read_json
from modules.core.errors import BadModelFile

INDEX = "model_index.json"
PARTS = ("unet", "vae", "text_encoder")
WEIGHTS = ("diffusion_pytorch_model", "model")
VARIANTS = ("", ".fp16", ".bf16")
"""In the order in which they are taken where a folder has several."""


def is_folder(path: Path) -> bool:
    return (path / INDEX).is_file()


def parts(folder: Path) -> tuple[str, ...]:
    """The sub-folders that hold weights, by name."""
    return tuple(sorted(place.name for place in folder.iterdir() if place.is_dir() and any(place.glob("*.safetensors"))))


def config(folder: Path, part: str) -> dict[str, Any]:
    """The config of one part. Raises BadModelFile."""
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    return read_json(folder / part / name)


def weight_files(folder: Path, part: str) -> tuple[Path, ...]:
    """The safetensors files of one part: whole ones before variants, several where it is sharded. Raises BadModelFile where there is none."""
    place = folder / part
    for variant in VARIANTS:
        for stem in WEIGHTS:
            if (whole := place / f"{stem}{variant}.safetensors").is_file():
                return (whole,)
            if (index := place / f"{stem}.safetensors.index{variant}.json").is_file():
                return _shards(index)
    pickles = any(place.glob("*.bin"))
    reason = "it holds only pickles (.bin), which can run code; save it again as safetensors" if pickles else "it holds no .safetensors file"
    raise BadModelFile(f"The part {part} of {folder.name} has no usable weights: {reason}.", "Download or convert the model again.")


def _shards(index: Path) -> tuple[Path, ...]:
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        if not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadModelFile(f"{index.parent.name}/{index.name} is damaged.", "Download the model again.") from None
    return tuple(index.parent / name for name in sorted(names))


def headers(folder: Path, part: str) -> list[tuple[Path, Header]]:
    """The headers of one part's weight files. Raises BadModelFile, for a truncated file too."""
    return [(file, header.read(file)) for file in weight_files(folder, part)]


def denoiser(folder: Path) -> Header | None:
    """The header of what denoises, its files taken together; None where the folder has no such part or it is damaged."""
    for part in ("transformer", "unet"):
        if (folder / part).is_dir():
            try:
                found = [one for _, one in headers(folder, part)]
            except BadModelFile:
                return None
            return Header({name: entry for one in found for name, entry in one.tensors.items()})
    return None
