"""Networks that make control maps of pictures, as transformers saves them: a folder with config.json beside safetensors. Told by the config's `model_type`.

Which are known is a short list, for a network is only ever made by a class that is named here; what else lies in such a folder is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from modules.catalog import folder, header, naming
from modules.catalog.card import Card
from modules.catalog.header import Header
from modules.catalog.notes import read_json
from modules.catalog.precision import precision
from modules.core.errors import BadModelFile

CONFIG = "config.json"
CLASSES: Mapping[str, str] = {"dpt": "DPTForDepthEstimation", "depth_anything": "DepthAnythingForDepthEstimation"}
"""`model_type` -> the class in whose folder it is a network for maps; others of that type do something else."""
DEEPEST = 4
"""Folders below the place: the hub's cache has models--OWNER--NAME/snapshots/REVISION."""
MOST = 1000
"""Folders that are looked through."""


def found(places: Sequence[Path]) -> Iterator[Card]:
    """Each such network under these folders, also what cannot be used. Never raises."""
    seen: set[str] = set()
    for place in places:
        for inside in _folders(place, DEEPEST, seen):
            if card := annotator(inside):
                yield card


def annotator(place: Path) -> Card | None:
    """The card of a folder; None where it holds none of these networks."""
    try:
        config = read_json(place / CONFIG)
    except BadModelFile:
        return None
    kind, made = config.get("model_type"), config.get("architectures")
    if not isinstance(kind, str) or kind not in CLASSES or (made and made != [CLASSES[kind]]):
        return None
    card = Card(path=place, name=naming.name_of(place), kind="annotator", architecture=kind)
    try:
        files = folder.weight_files(place.parent, place.name)
        opened = Header({name: entry for file in files for name, entry in header.read(file).tensors.items()})
        size = sum(file.stat().st_size for file in files)
    except BadModelFile as error:
        return replace(card, trouble=str(error))
    except OSError as error:
        return replace(card, trouble=f"It cannot be read: {error.strerror or error}.")
    return replace(card, size=size, precision=precision(opened), tensors=len(opened.tensors))


def _folders(place: Path, deep: int, seen: set[str]) -> Iterator[Path]:
    """Those with a config, each once."""
    real = os.path.realpath(place)
    if real in seen or len(seen) >= MOST:
        return
    seen.add(real)
    try:
        entries = sorted(place.iterdir())
        if (place / CONFIG).is_file():
            yield place
            return
        inner = [entry for entry in entries if not entry.name.startswith(".") and entry.name.isprintable() and entry.is_dir()]
    except OSError:
        return
    for entry in inner if deep else ():
        yield from _folders(entry, deep - 1, seen)
