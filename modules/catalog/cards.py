"""Makes the card of one file or folder: reads its header, recognises it, and says in words what is wrong with one that cannot be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from modules.catalog import advice, folder, header, pickled
from modules.catalog.card import Card, Kind
from modules.catalog.detect import family_of, record_of
from modules.catalog.header import Header
from modules.catalog.precision import precision
from modules.catalog.recognise import recognise
from modules.core.errors import EaselError

PICKLES = (".ckpt", ".pt", ".pth", ".bin")
"""Endings of files that can run code when they are read. Their headers are taken apart without that (`pickled`)."""

CONVERTED: tuple[Kind, ...] = ("checkpoint", "upscaler", "face restorer")
"""Kinds whose loaders convert a pickle, in a child process."""

METADATA_LIMIT = 64
TEXT_LIMIT = 500
"""How many texts of a file's metadata a card keeps, and how many characters of each."""

EMBEDDING_WIDTHS = {768: "sd1"}
"""Width of a text encoder -> the family that has it. Others can only be told by trying."""

FLOATS = ("F16", "BF16", "F32", "F64")


def checkpoint(path: Path) -> Card:
    """The card of a file or folder that is to be drawn with. Never raises."""
    name = path.name if path.is_dir() else path.stem
    beside = path.with_suffix(".yaml")
    config = beside if not path.is_dir() and beside.is_file() else None
    found = advice.of(path)
    try:
        opened = None if path.is_dir() else opened_header(path)
        recognised = family_of(path if opened is None else opened, config, name)
        size = _size(path, bool(recognised.family))
    except EaselError as error:
        return Card(path=path, name=name, config=config, size=_bytes(path), trouble=str(error))
    except OSError as error:
        return Card(path=path, name=name, config=config, trouble=f"It cannot be read: {error.strerror or error}.")
    return Card(
        path=path,
        name=name,
        kind=recognised.kind,
        architecture=recognised.architecture,
        family=recognised.family,
        variant=recognised.variant,
        prediction=recognised.prediction,
        guessed=recognised.guessed,
        precision=precision(opened) if opened else "",
        tensors=len(opened.tensors) if opened else 0,
        metadata=_shortened(opened.metadata) if opened else {},
        size=size,
        config=config,
        trouble=recognised.trouble or _pickle(path, recognised.kind),
        defaults=found.defaults,
        example=found.example,
        note=found.note,
        preview=found.preview,
    )


def addition(path: Path) -> Card:
    """The card of anything else that lies in a folder of models. Never raises."""
    try:
        size = path.stat().st_size
        opened = opened_header(path)
    except EaselError as error:
        return Card(path=path, name=path.stem, kind="unknown", size=_bytes(path), trouble=str(error))
    except OSError as error:
        return Card(path=path, name=path.stem, kind="unknown", trouble=f"It cannot be read: {error.strerror or error}.")
    seen = recognise(opened, path.stem)
    trouble = f"It is of no kind that Easel knows{f': {seen.seen}' if seen.seen else ''}." if seen.kind == "unknown" else ""
    return Card(
        path=path,
        name=path.stem,
        kind=seen.kind,
        architecture=seen.architecture,
        family=record_of(seen.architecture),
        variant=seen.variant,
        precision=precision(opened),
        tensors=len(opened.tensors),
        metadata=_shortened(opened.metadata),
        size=size,
        trouble=trouble or _pickle(path, seen.kind),
    )


def opened_header(path: Path) -> Header:
    """The header of a model file of any format, by its ending. Raises BadModelFile."""
    return pickled.read(path) if path.suffix.lower() in PICKLES else header.read(path)


def _pickle(path: Path, kind: Kind) -> str:
    if path.suffix.lower() not in PICKLES or kind in CONVERTED:
        return ""
    return f"It is a pickle ({path.suffix.lower()}), which can run code when it is read. Convert it to .safetensors; reading it is not supported yet."


def _shortened(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key[:100]: value[:TEXT_LIMIT] for key, value in list(metadata.items())[:METADATA_LIMIT]}


def _bytes(path: Path) -> int:
    try:
        return 0 if path.is_dir() else path.stat().st_size
    except OSError:
        return 0


def embedding(path: Path) -> Card:
    """The card of a textual inversion; its note says how many vectors of which width it has. Never raises."""
    try:
        size = path.stat().st_size
        if trouble := _pickle(path, "embedding"):
            return Card(path=path, name=path.stem, kind="embedding", size=size, trouble=trouble)
        shape = vectors(header.read(path))
    except EaselError as error:
        return Card(path=path, name=path.stem, kind="embedding", trouble=str(error))
    except OSError as error:
        return Card(path=path, name=path.stem, kind="embedding", trouble=f"It cannot be read: {error.strerror or error}.")
    if shape is None:
        return Card(path=path, name=path.stem, kind="embedding", size=size, trouble="It is no textual inversion embedding of a kind that Easel knows.")
    note = f"{shape[0]} {'vector' if shape[0] == 1 else 'vectors'} of {shape[1]}"
    family = EMBEDDING_WIDTHS.get(shape[1], "")
    return Card(path=path, name=path.stem, kind="embedding", architecture=family, family=family, size=size, note=note)


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
    return sum(file.stat().st_size for part in folder.parts(path) for file in folder.weight_files(path, part)) if usable else 0
