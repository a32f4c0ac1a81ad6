"""Makes the card of one file or folder: reads its header, recognises it, and says in words what is wrong with one that cannot be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules.catalog import advice, folder, gguf, header, inversion_png, loras, naming, pickled
from modules.catalog.autoencoders import hinted
from modules.catalog.card import GROUPS, LORAS, Card, Kind
from modules.catalog.detect import family_of, record_of
from modules.catalog.few_steps import few_steps
from modules.catalog.header import Header
from modules.catalog.precision import precision
from modules.catalog.recognise import Seen, recognise
from modules.catalog.tables import Tables
from modules.catalog.titles import KINDS, article
from modules.core.errors import EaselError

PICKLES = (".ckpt", ".pt", ".pth", ".bin")
"""Endings of files that can run code when they are read. Their headers are taken apart without that (`pickled`)."""

CONVERTED: tuple[Kind, ...] = (
    "checkpoint",
    "vae",
    "vae-approx",
    "upscaler",
    "face restorer",
    "embedding",
    "controlnet",
    "controlnet-union",
    "t2i-adapter",
    "ip-adapter",
    "clip-vision",
    *LORAS,
)
"""Kinds whose loaders convert a pickle, in a child process."""

UNSUPPORTED: Mapping[Kind, str] = {
    "hypernetwork": "This is a hypernetwork. Easel does not support hypernetworks; a LoRA does what they did.",
    "motion-module": "This is a motion module (AnimateDiff). Easel draws single pictures and does not support it.",
}
"""Kinds that are named and not used."""

METADATA_LIMIT = 64
TEXT_LIMIT = 500
"""How many texts of a file's metadata a card keeps, and how many characters of each."""

CALLED = ("ss_output_name", "sshs_model_hash", "modelspec.title")

EMBEDDING_WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""Width of the text encoders side by side -> the family that has them. Others can only be told by trying."""

SDXL_SIDES = ("clip_l", "clip_g")
FLOATS = ("F16", "BF16", "F32", "F64")


def checkpoint(path: Path, tables: Tables | None = None) -> Card:
    """The card of a file or folder that is to be drawn with. tables: what was read of other files of one listing. Never raises."""
    return _checkpoint(path, None, tables or Tables())


def _checkpoint(path: Path, opened: Header | None, tables: Tables) -> Card:
    """opened: its header, where it was read before."""
    name = naming.name_of(path)
    beside = path.with_suffix(".yaml")
    config = beside if not path.is_dir() and beside.is_file() else None
    found = advice.of(path)
    try:
        if opened is None and not path.is_dir():
            opened = opened_header(path, tables)
        recognised = family_of(path if opened is None else opened, config, name, None if opened is None else _seen(opened, name, tables))
        size = _size(path, bool(recognised.family))
        told = opened or (folder.denoiser(path) if recognised.family else None)
    except EaselError as error:
        return Card(path=path, name=name, config=config, size=_bytes(path), trouble=str(error))
    except OSError as error:
        return Card(path=path, name=name, config=config, trouble=f"It cannot be read: {error.strerror or error}.")
    card = Card(
        path=path,
        name=name,
        kind=recognised.kind,
        architecture=recognised.architecture,
        family=recognised.family,
        variant=recognised.variant,
        prediction=found.prediction or recognised.prediction,
        guessed=recognised.guessed and not found.prediction,
        **_told(told, tables),
        size=size,
        config=config,
        trouble=_unread(path, recognised.kind, opened) or recognised.trouble,
        defaults=found.defaults,
        example=found.example,
        note=found.note,
        preview=found.preview,
    )
    return card if card.trouble else _hurried(card)


def _hurried(card: Card) -> Card:
    """With the values of a checkpoint that draws in few steps, beneath those of the card beside it."""
    few = few_steps(card)
    if few is None:
        return card
    note = f"By its name it draws in few steps ({few.what}): {few.values['steps']} steps, {few.values['sampler']}, CFG {few.values['cfg_scale']:g} suit it."
    return replace(card, defaults={**few.values, **card.defaults}, note=f"{card.note} {note}".strip())


def addition(path: Path, tables: Tables | None = None) -> Card:
    """The card of anything that lies in a folder of models. tables: as for `checkpoint`. Never raises."""
    tables = tables or Tables()
    name = naming.name_of(path)
    try:
        opened = opened_header(path, tables)
        size = _size(path, True)
    except EaselError as error:
        return Card(path=path, name=name, kind="unknown", size=_bytes(path), trouble=str(error))
    except OSError as error:
        return Card(path=path, name=name, kind="unknown", trouble=f"It cannot be read: {error.strerror or error}.")
    seen = _seen(opened, name, tables)
    if seen.kind in GROUPS["checkpoint"]:
        return _checkpoint(path, opened, tables)
    trouble = f"It is of no kind that Easel knows{f': {seen.seen}' if seen.seen else ''}." if seen.kind == "unknown" else ""
    return Card(
        path=path,
        name=name,
        kind=seen.kind,
        architecture=seen.architecture,
        family=record_of(seen.architecture),
        variant=seen.variant,
        **_told(opened, tables),
        size=size,
        trouble=_unread(path, seen.kind, opened) or trouble,
    )


GGUF: tuple[Kind, ...] = ("transformer", "text-encoder")
"""Kinds that are loaded out of such files."""


def _seen(opened: Header, name: str, tables: Tables) -> Seen:
    """`recognise`, once for a table and what the metadata say of it; the file's name decides last."""
    told = (*(opened.metadata.get(key, "") for key in loras.METADATA), any(key.startswith("ss_") for key in opened.metadata))
    seen = tables.once(opened, told, lambda: recognise(opened))
    return seen._replace(architecture=hinted(seen.architecture, name))


def _told(opened: Header | None, tables: Tables) -> dict[str, Any]:
    if opened is None:
        return {}
    return {"precision": tables.once(opened, "precision", lambda: precision(opened)), "tensors": len(opened.tensors), "metadata": _shortened(opened.metadata)}


def opened_header(path: Path, tables: Tables | None = None) -> Header:
    """The header of a model file of any format; of a model in several files, of all of them. Raises BadModelFile."""
    files = naming.parts(path)
    if len(files) == 1:
        return _opened(path, tables)
    found = [_opened(file, tables) for file in files]
    cut = next((f"{file.name} {one.cut}" for file, one in zip(files, found, strict=True) if one.cut), "")
    return Header({name: entry for one in found for name, entry in one.tensors.items()}, found[0].metadata, cut=cut)


def _opened(path: Path, tables: Tables | None) -> Header:
    ending = path.suffix.lower()
    if ending == ".gguf":
        return gguf.examined(path)
    return pickled.read(path) if ending in PICKLES else header.examined(path, tables)


def _unread(path: Path, kind: Kind, opened: Header | None) -> str:
    """Why a file that was recognised is not used: nothing here uses its kind, or reads its format."""
    if opened and opened.cut:
        return f"{path.name} {opened.cut}. {header.REMEDY}"
    if path.suffix.lower() == ".gguf" and kind not in (*GGUF, "unknown") and not path.is_dir():
        return f"It is {article(KINDS[kind])} as a GGUF file, which Easel loads of transformers and text encoders only."
    return UNSUPPORTED.get(kind, "") or _pickle(path, kind)


def _pickle(path: Path, kind: Kind) -> str:
    if path.suffix.lower() not in PICKLES or kind in CONVERTED:
        return ""
    return f"It is a pickle ({path.suffix.lower()}), which can run code when it is read. Convert it to .safetensors; reading it is not supported yet."


def _shortened(metadata: Mapping[str, str]) -> dict[str, str]:
    """Those by which a LoRA is called stand first: safetensors keeps them in no order."""
    keys = sorted(metadata, key=lambda key: key not in CALLED)[:METADATA_LIMIT]
    return {key[:100]: metadata[key][:TEXT_LIMIT] for key in keys}


def _bytes(path: Path) -> int:
    try:
        return 0 if path.is_dir() else path.stat().st_size
    except OSError:
        return 0


def embedding(path: Path) -> Card:
    """The card of a textual inversion; its note says how many vectors of which width it has. Never raises."""
    try:
        size = path.stat().st_size
        shape = _pictured(path) if path.suffix.lower() == ".png" else vectors(opened_header(path))
    except EaselError as error:
        return Card(path=path, name=path.stem, kind="embedding", trouble=str(error))
    except OSError as error:
        return Card(path=path, name=path.stem, kind="embedding", trouble=f"It cannot be read: {error.strerror or error}.")
    if shape is None:
        return Card(path=path, name=path.stem, kind="embedding", size=size, trouble="It is no textual inversion embedding of a kind that Easel knows.")
    note = f"{shape[0]} {'vector' if shape[0] == 1 else 'vectors'} of {shape[1]}"
    family = EMBEDDING_WIDTHS.get(shape[1], "")
    return Card(path=path, name=path.stem, kind="embedding", architecture=family, family=family, size=size, note=note)


def _pictured(path: Path) -> tuple[int, int]:
    rows = inversion_png.read(path).vectors
    return len(rows), len(rows[0])


def vectors(found: Header) -> tuple[int, int] | None:
    """[vectors, width] of `emb_params` (A1111), of the only tensor (diffusers, whose name is the token), or of SDXL's two side by side; a single vector may
    lack its first axis."""
    sides = [found.tensors.get(name) for name in SDXL_SIDES]
    if all(side and len(side.shape) == 2 and side.dtype in FLOATS and math.prod(side.shape) for side in sides):
        shapes = [side.shape for side in sides if side]
        return (shapes[0][0], shapes[0][1] + shapes[1][1]) if shapes[0][0] == shapes[1][0] else None
    entry = found.tensors.get("emb_params") or (next(iter(found.tensors.values())) if len(found.tensors) == 1 else None)
    if entry is None or entry.dtype not in FLOATS or len(entry.shape) not in (1, 2) or not math.prod(entry.shape):
        return None
    return (1, entry.shape[0]) if len(entry.shape) == 1 else (entry.shape[0], entry.shape[1])


def _size(path: Path, usable: bool) -> int:
    """Bytes; of a folder, those of the weights that would be loaded."""
    if not path.is_dir():
        return sum(file.stat().st_size for file in naming.parts(path))
    return sum(file.stat().st_size for part in folder.parts(path) for file in folder.weight_files(path, part)) if usable else 0
