"""Which layers of a model get a LoRA, by their names: in diffusers' and transformers' networks, and in the headers of model files, whose layers are called alike.
No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from modules.catalog import folder, header
from modules.catalog.card import Card
from modules.catalog.header import Entry
from modules.catalog.measures import MODEL, PARTS
from modules.core.training import Adapter, Layers

ATTENTION = re.compile(r".*\.(to_q|to_k|to_v|to_out\.0)")
TRANSFORMER = re.compile(r".*(\.transformer_blocks\.|\.proj_in$|\.proj_out$).*")
TEXT_ATTENTION = re.compile(r".*\.(q_proj|k_proj|v_proj|out_proj)")
TEXT_ALL = re.compile(r".*\.layers\..*")
LAYER = re.compile(r"\.layers\.([0-9]+)\.")
UNREAD, NONE = ("sdxl", "text_encoder"), "\0"
"""What is read before its last layer, so that nothing of that one would learn."""
IN_ONE = ".in_proj_weight"
"""What open_clip calls the weights of queries, keys and values, which it keeps together."""


def in_denoiser(name: str, layers: Layers) -> bool:
    """name: of a linear layer or a convolution."""
    if layers == "everything":
        return "emb" not in name
    return bool((TRANSFORMER if layers == "transformer" else ATTENTION).fullmatch(name))


def in_text_encoder(name: str, layers: Layers) -> bool:
    """name: of a linear layer."""
    return bool((TEXT_ATTENTION if layers == "attention" else TEXT_ALL).fullmatch(name))


def rank_of(rank: int, shape: tuple[int, ...]) -> int:
    """No more than makes sense for a layer whose weights are of this shape."""
    return min(rank, shape[0], math.prod(shape[1:]))


def numbers(card: Card, wanted: Adapter) -> int:
    """How many a LoRA of a checkpoint has, by the headers alone. Raises BadModelFile, OSError."""
    return sum(rank * (shape[0] + math.prod(shape[1:])) for shape in _shapes(card, wanted) if (rank := rank_of(wanted.rank, shape)))


def _shapes(card: Card, wanted: Adapter) -> Iterable[tuple[int, ...]]:
    for part, tensors in _parts(card).items():
        if part == "unet":
            yield from (shape for name, shape in _layers(tensors, (2, 4)) if in_denoiser(name, wanted.layers))
        elif wanted.text_encoder and part.startswith("text_encoder"):
            unread = _last(tensors) if (card.family, part) == UNREAD else NONE
            yield from (shape for name, shape in _layers(tensors, (2,)) if in_text_encoder(name, wanted.layers) and unread not in name)


def _last(tensors: Mapping[str, Entry]) -> str:
    found = [int(layer[1]) for name in tensors if (layer := LAYER.search(name))]
    return f".layers.{max(found)}." if found else NONE


def _layers(tensors: Mapping[str, Entry], depths: tuple[int, ...]) -> Iterable[tuple[str, tuple[int, ...]]]:
    """Names and shapes of what may be linear layers and convolutions; open_clip's by transformers' names."""
    for name, entry in tensors.items():
        called = name.replace(".resblocks.", ".layers.")
        if len(entry.shape) in depths and called.endswith(IN_ONE):
            for one in ("q_proj", "k_proj", "v_proj"):
                yield f"{called.removesuffix(IN_ONE)}.{one}", (entry.shape[0] // 3, *entry.shape[1:])
        elif len(entry.shape) in depths and called.endswith(".weight"):
            yield called.removesuffix(".weight"), entry.shape


def _parts(card: Card) -> Mapping[str, Mapping[str, Entry]]:
    """Names and shapes of each network."""
    if card.path.is_dir():
        return {part: dict(pair for _, one in folder.headers(card.path, part) for pair in one.tensors.items()) for part in folder.parts(card.path)}
    found: dict[str, dict[str, Entry]] = {}
    for name, entry in header.read(card.weights).tensors.items():
        part = next((part for start, part in PARTS.items() if name.startswith(start)), "unet" if name.startswith(MODEL) else "")
        found.setdefault(part, {})[name] = entry
    return found
