"""Networks that make control maps of pictures: folders as transformers saves them, told by the `model_type` of their config.json, and single files, told by names
of tensors that only they have.

Which are known is a short list, for a network is only ever made by a class that is named here; what else lies in such a folder is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules.catalog import folder, header, naming, pickled
from modules.catalog.card import Card
from modules.catalog.header import Header
from modules.catalog.notes import read_json
from modules.catalog.precision import precision
from modules.catalog.upscalers import PICKLED, plain
from modules.core.errors import BadModelFile
from modules.core.records import ade20k

CONFIG = "config.json"
CLASSES: Mapping[str, str] = {
    "dpt": "DPTForDepthEstimation",
    "depth_anything": "DepthAnythingForDepthEstimation",
    "upernet": "UperNetForSemanticSegmentation",
    "segformer": "SegformerForSemanticSegmentation",
    "mask2former": "Mask2FormerForUniversalSegmentation",
    "oneformer": "OneFormerForUniversalSegmentation",
    "vitpose": "VitPoseForPoseEstimation",
}
"""`model_type` -> the class in whose folder it is a network for maps; others of that type do something else."""
DEPTH = ("dpt", "depth_anything")
BODY = 17
"""Parts of a body that COCO's annotations tell."""
SEGMENTS = ("upernet", "segformer", "mask2former", "oneformer")

FILES = (".safetensors", ".pth", ".pt", ".ckpt")
SIGNS: Mapping[str, tuple[str, ...]] = {
    "openpose-body": ("conv1_1.weight", "conv4_4_CPM.weight", "conv5_5_CPM_L1.weight", "Mconv7_stage6_L2.weight"),
    "hed": ("norm", "block1.convs.0.weight", "block5.convs.0.weight", "block5.projection.weight"),
    "pidinet": ("init_block.weight", "block1_1.conv1.weight", "block4_4.conv2.weight", "dilations.3.conv2_4.weight", "classifier.weight"),
    "lineart": ("model0.1.weight", "model1.0.weight", "model2.0.conv_block.5.weight", "model3.3.weight", "model4.1.weight"),
}
"""Architecture -> tensors that a file of it has."""
COARSE = ("sk_model2", "coarse")
"""In the names of drawings with fewer lines: their network is the same, only its training was another."""
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
    return replace(card, size=size, precision=precision(opened), tensors=len(opened.tensors), trouble=_untold(kind, config))


def network_file(path: Path) -> Card:
    """The card of a file in such a folder, of kind "unknown" where it is none of these networks. Never raises."""
    try:
        pickle = path.suffix.lower() != ".safetensors"
        found = plain(pickled.read(path) if pickle else header.read(path))
        size = path.stat().st_size
    except (BadModelFile, OSError):
        return Card(path=path, name=path.stem, kind="unknown")
    kind = next((kind for kind, names in SIGNS.items() if all(name in found.tensors for name in names)), "")
    if kind == "lineart" and any(word in path.stem.lower() for word in COARSE):
        kind = "lineart-coarse"
    if not kind:
        return Card(path=path, name=path.stem, kind="unknown")
    card = Card(path=path, name=path.stem, kind="annotator", architecture=kind, precision=precision(found), tensors=len(found.tensors), size=size)
    return replace(card, note=PICKLED) if pickle else card


def _untold(kind: str, config: Mapping[str, Any]) -> str:
    """What is wrong with the classes or parts that a network tells; "" where nothing is."""
    labels = config.get("id2label")
    known = len(labels) if isinstance(labels, Mapping) else 0
    if kind in SEGMENTS and known != ade20k.CLASSES:
        return f"It tells {known or 'other'} classes of things, and ControlNet's maps have the {ade20k.CLASSES} of ADE20K."
    if kind == "vitpose" and known != BODY:
        return f"It tells {known or 'other'} parts of a body, and COCO's {BODY} are needed for a skeleton."
    return ""


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
