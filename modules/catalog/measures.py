"""How large the networks of a checkpoint are, by its headers: what memory they will take follows from it. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modules.catalog import folder, gguf, header
from modules.catalog.card import Card
from modules.catalog.header import Header

PARTS = {
    "first_stage_model.": "vae",
    "vae.": "vae",
    "cond_stage_model.": "text_encoder",
    "conditioner.embedders.0.": "text_encoder",
    "conditioner.embedders.1.": "text_encoder_2",
    "text_encoders.clip_l.": "text_encoder",
    "text_encoders.clip_g.": "text_encoder_2",
    "text_encoders.t5xxl.": "text_encoder_3",
}
"""What the names of a part begin with in a single file; everything else denoises."""
MODEL = "model.diffusion_model."
ENTRANCES = ("input_blocks.0.0.weight", "img_in.weight", "x_embedder.proj.weight", "conv_in.weight", "x_embedder.weight", "pos_embed.proj.weight")
"""The first layer of what denoises, whose rows are its width."""
VAE = "first_stage_model."
LEVELS = ("decoder.up.0.block.0.conv1.weight", "decoder.up.1.block.0.conv1.weight")
"""Whose rows are an autoencoder's channels at the picture's size and at half of it."""


@dataclass(frozen=True)
class Measures:
    """parts: numbers in each network, by its name ("denoiser", "vae", "text_encoder", ...). width: channels of what denoises, at its entrance; 0 when not
    known. levels: channels of the autoencoder, from the picture on; () when not known."""

    parts: Mapping[str, int] = field(default_factory=dict)
    width: int = 0
    levels: tuple[int, ...] = ()


def measured(card: Card) -> Measures:
    """Reads headers: milliseconds. Raises BadModelFile, OSError."""
    return _of_folder(card.path) if card.path.is_dir() else _of_file(card.weights)


def _of_folder(place: Path) -> Measures:
    parts: dict[str, int] = {}
    width = 0
    for part in folder.parts(place):
        found = [one for _, one in folder.headers(place, part)]
        denoises = part in ("unet", "transformer")
        parts["denoiser" if denoises else part] = sum(_count(one.tensors, one) for one in found)
        if denoises:
            width = max((_width(one, "") for one in found), default=0)
    levels = folder.config(place, "vae").get("block_out_channels") if "vae" in parts else None
    whole = isinstance(levels, list) and all(isinstance(level, int) for level in levels)
    return Measures(parts, width, tuple(levels) if whole and levels else ())


def _of_file(path: Path) -> Measures:
    found = gguf.read(path) if path.suffix.lower() == ".gguf" else header.read(path)
    parts: dict[str, list[str]] = {}
    for name in found.tensors:
        parts.setdefault(next((part for start, part in PARTS.items() if name.startswith(start)), "denoiser"), []).append(name)
    levels = tuple(shape[0] for level in LEVELS if (shape := found.shape(VAE + level)))
    return Measures({part: _count(names, found) for part, names in parts.items()}, max(_width(found, MODEL), _width(found, "")), levels)


def _count(names: Iterable[str], found: Header) -> int:
    return sum(math.prod(found.tensors[name].shape) for name in names)


def _width(found: Header, prefix: str) -> int:
    return next((shape[0] for name in ENTRANCES if (shape := found.shape(prefix + name))), 0)
