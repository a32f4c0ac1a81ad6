"""Makes the card of one file or folder: reads its header, recognises it, and says in words what is wrong with one that cannot be used."""

from __future__ import annotations

import math
from pathlib import Path

from modules.catalog import advice, folder, header
from modules.catalog.card import Card
from modules.catalog.detect import family_of
from modules.catalog.header import Header
from modules.core.errors import EaselError

PICKLES = {
    ".ckpt": "It is a pickle (.ckpt), which can run code when it is read. Convert it to .safetensors; reading it is not supported yet.",
    ".pt": "It is a pickle (.pt), which can run code when it is read. Convert it to .safetensors; reading it is not supported yet.",
    ".bin": "It is a pickle (.bin), which can run code when it is read. Convert it to .safetensors; reading it is not supported yet.",
    ".gguf": "GGUF files are not supported yet.",
}
"""Endings of files that are listed but never opened, and why."""

EMBEDDING_WIDTHS = {768: "sd1"}
"""Width of a text encoder -> the family that has it. Others can only be told by trying."""

FLOATS = ("F16", "BF16", "F32", "F64")


def checkpoint(path: Path) -> Card:
    """The card of a checkpoint: a .safetensors file, a diffusers folder, or a file that can only be listed. Never raises."""
    name = path.name if path.is_dir() else path.stem
    beside = path.with_suffix(".yaml")
    config = beside if not path.is_dir() and beside.is_file() else None
    found = advice.of(path)
    try:
        if not path.is_dir() and path.suffix.lower() in PICKLES:
            return Card(path=path, name=name, size=path.stat().st_size, config=config, trouble=PICKLES[path.suffix.lower()])
        recognised = family_of(path if path.is_dir() else header.read(path), config)
        size = _size(path, bool(recognised.family))
    except EaselError as error:
        return Card(path=path, name=name, config=config, trouble=str(error))
    except OSError as error:
        return Card(path=path, name=name, config=config, trouble=f"It cannot be read: {error.strerror or error}.")
    return Card(
        path=path,
        name=name,
        kind="checkpoint" if recognised.checkpoint else "unknown",
        family=recognised.family,
        prediction=recognised.prediction,
        size=size,
        config=config,
        trouble=recognised.trouble,
        defaults=found.defaults,
        example=found.example,
        note=found.note,
        preview=found.preview,
    )


def embedding(path: Path) -> Card:
    """The card of a textual inversion; its note says how many vectors of which width it has. Never raises."""
    try:
        size = path.stat().st_size
        if path.suffix.lower() in PICKLES:
            return Card(path=path, name=path.stem, kind="embedding", size=size, trouble=PICKLES[path.suffix.lower()])
        shape = vectors(header.read(path))
    except EaselError as error:
        return Card(path=path, name=path.stem, kind="embedding", trouble=str(error))
    except OSError as error:
        return Card(path=path, name=path.stem, kind="embedding", trouble=f"It cannot be read: {error.strerror or error}.")
    if shape is None:
        return Card(path=path, name=path.stem, kind="embedding", size=size, trouble="It is no textual inversion embedding of a kind that Easel knows.")
    note = f"{shape[0]} {'vector' if shape[0] == 1 else 'vectors'} of {shape[1]}"
    return Card(path=path, name=path.stem, kind="embedding", family=EMBEDDING_WIDTHS.get(shape[1], ""), size=size, note=note)


def vectors(found: Header) -> tuple[int, int] | None:
    """[vectors, width] of `emb_params` (A1111) or of the only tensor (diffusers, whose name is the token); a single vector may lack its first axis."""
    entry = found.tensors.get("emb_params") or (next(iter(found.tensors.values())) if len(found.tensors) == 1 else None)
    if entry is None or entry.dtype not in FLOATS or len(entry.shape) not in (1, 2) or not math.prod(entry.shape):
        return None
    return (1, entry.shape[0]) if len(entry.shape) == 1 else (entry.shape[0], entry.shape[1])


def _size(path: Path, usable: bool) -> int:
    """Bytes; of a folder, those of the weights that would be loaded."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for part in folder.PARTS for file in folder.weight_files(path, part)) if usable else 0
