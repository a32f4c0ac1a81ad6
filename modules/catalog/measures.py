"""How large the networks of a checkpoint are, by its headers: what memory they will take follows from it. No torch."""

from __future__ import annotations

import math
import re
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
STAYS = re.compile(
    r"(^|\.)(input_blocks\.0\.0|out\.2|label_emb|final_layer|img_in|time_in|vector_in|guidance_in|[txy]_embedder|pos_embed|norm_out|time_embed|time_embedding"
    r"|time_text_embed|add_embedding|class_embedding|conv_in|conv_out)\.|^proj_out\."
)
"""Layers at the ends of what denoises, which keep plain numbers whatever the storage."""
WORDS = re.compile(r"embed|shared\.|token_embd")
"""Tables of words, of which plain numbers are read."""
JOINT = ("flux", "sd3")
"""Families whose files may hold few bits, and are loaded so (`networks.quantised`)."""
EIGHT = ("F8_E4M3", "F8_E5M2")
SCALE = 4
"""Bytes of a block's scale in memory, where files may pack that one again."""
SHORTEST = 16
"""Numbers of a row that is worth a scale."""
LEVELS = ("decoder.up.0.block.0.conv1.weight", "decoder.up.1.block.0.conv1.weight")
"""Whose rows are an autoencoder's channels at the picture's size and at half of it."""


@dataclass(frozen=True)
class Measures:
    """parts: numbers in each network, by its name ("denoiser", "vae", "text_encoder", ...). width: channels of what denoises, at its entrance; 0 when not
    known. levels: channels of the autoencoder, from the picture on; () when not known.
    few: of a part whose file keeps some of its numbers in few bits, and stays so: how many numbers, in how many bytes.
    packable: numbers, and rows of them, of what denoises that could be kept in few bits."""

    parts: Mapping[str, int] = field(default_factory=dict)
    width: int = 0
    levels: tuple[int, ...] = ()
    few: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    packable: tuple[int, int] = (0, 0)


def measured(card: Card) -> Measures:
    """Reads headers: milliseconds. Raises BadModelFile, OSError."""
    return _of_folder(card.path) if card.path.is_dir() else _of_file(card.weights, card.family in JOINT or card.kind != "checkpoint")


def _of_folder(place: Path) -> Measures:
    parts: dict[str, int] = {}
    width, packable = 0, (0, 0)
    for part in folder.parts(place):
        found = [one for _, one in folder.headers(place, part)]
        denoises = part in ("unet", "transformer")
        parts["denoiser" if denoises else part] = sum(_count(one.tensors, one) for one in found)
        if denoises:
            width = max((_width(one, "") for one in found), default=0)
            packable = _sum(_packable(one.tensors, one) for one in found)
    levels = folder.config(place, "vae").get("block_out_channels") if "vae" in parts else None
    whole = isinstance(levels, list) and all(isinstance(level, int) for level in levels)
    return Measures(parts, width, tuple(levels) if whole and levels else (), packable=packable)


def _of_file(path: Path, few_bits: bool) -> Measures:
    """few_bits: what it keeps so, stays so."""
    found = gguf.read(path) if path.suffix.lower() == ".gguf" else header.read(path)
    parts: dict[str, list[str]] = {}
    for name in found.tensors:
        parts.setdefault(next((part for start, part in PARTS.items() if name.startswith(start)), "denoiser"), []).append(name)
    levels = tuple(shape[0] for level in LEVELS if (shape := found.shape(VAE + level)))
    width = max(_width(found, MODEL), _width(found, ""))
    few = {part: _few(names, found) for part, names in parts.items() if part != "vae"} if few_bits else {}
    counts = {part: _count(names, found) for part, names in parts.items()}
    return Measures(counts, width, levels, {part: row for part, row in few.items() if row[0]}, _packable(parts.get("denoiser", ()), found))


def _count(names: Iterable[str], found: Header) -> int:
    return sum(math.prod(found.tensors[name].shape) for name in names)


def _few(names: Iterable[str], found: Header) -> tuple[int, int]:
    """Matrices in GGUF's blocks or in fp8, and bytes that are parts of such."""
    rows = ((name, found.tensors[name]) for name in names)
    kept = [
        name
        for name, entry in rows
        if entry.dtype in ("U8", "I8") or len(entry.shape) == 2 and entry.dtype in (*gguf.FEW_BITS, *EIGHT) and not WORDS.search(name)
    ]
    sizes = (SCALE * _count([name], found) if name.endswith(".absmax") else found.offsets[name][1] - found.offsets[name][0] for name in kept)
    return _count(kept, found), sum(sizes)


def _packable(names: Iterable[str], found: Header) -> tuple[int, int]:
    shapes = [found.tensors[name].shape for name in names if not STAYS.search(name)]
    wide = [shape for shape in shapes if len(shape) > 1 and math.prod(shape[1:]) >= SHORTEST]
    return sum(map(math.prod, wide)), sum(shape[0] for shape in wide)


def _sum(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    rows = list(pairs)
    return sum(one for one, _ in rows), sum(other for _, other in rows)


def _width(found: Header, prefix: str) -> int:
    return next((shape[0] for name in ENTRANCES if (shape := found.shape(prefix + name))), 0)
