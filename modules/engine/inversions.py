"""The vectors of the textual inversions that a request names, whichever file they lie in; and what to say of those that the model cannot take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from modules.catalog import inversion_png
from modules.catalog.card import Card
from modules.catalog.titles import title
from modules.core.request import GenerationRequest
from modules.engine.texts import spoken
from modules.families.family import Model
from modules.networks import pickles
from modules.networks.lora_names import TEXT_PARTS
from modules.prompt import embeddings

PICKLE_LIMIT = 64 * 2**20
"""Bytes; see `prompt.embeddings.SIZE_LIMIT`."""


def vectors(cards: Iterable[Card], names: Iterable[str], converted: Path) -> dict[str, Tensor]:
    """name -> [n, D] float32. cards: with their hashes. converted: where pickles lie that became safetensors. Raises BadModelFile, OutputTrouble."""
    known = {card.name: card for card in cards}
    return {name: _vectors(known[name], converted) for name in names}


def _vectors(card: Card, converted: Path) -> Tensor:
    ending = card.path.suffix.lower()
    if ending == ".png":
        return torch.tensor(inversion_png.read(card.path).vectors)
    if ending == ".safetensors":
        return embeddings.load(card.path)
    return embeddings.load(pickles.converted(card.path, card.sha256, converted, PICKLE_LIMIT))


def suits(embedding: Card, checkpoint: Card) -> bool:
    """As far as the widths of their text encoders tell."""
    return not embedding.family or not checkpoint.family or embedding.family == checkpoint.family


def of_others(request: GenerationRequest, lead: Card, cards: Iterable[Card]) -> list[str]:
    """What to say of names in the prompts that are embeddings for another family, or broken: they are read as words, as A1111 does."""
    other = {card.name: card for card in cards if card.trouble or not suits(card, lead)}
    said = embeddings.names_in("\n".join(spoken(request)), other) if other else []
    return [f"The embedding {name} {_why(other[name])}, so its name was read as plain words." for name in said]


def _why(card: Card) -> str:
    if card.trouble:
        return f"cannot be used ({card.trouble.rstrip('.')})"
    return f"was made for {title(card.architecture).removesuffix(' model')}"


def unfitting(model: Model, found: Mapping[str, Tensor]) -> list[str]:
    """One sentence for each embedding whose vectors are of another width than the model's text encoders take, side by side: A1111 reads its name as words."""
    widths = [model.parts[part].config.hidden_size for part in TEXT_PARTS if hasattr(getattr(model.parts.get(part), "config", None), "hidden_size")]
    return [
        f"The embedding {name} has vectors of {table.shape[-1]} numbers and this model takes {sum(widths)}, so its name was read as plain words."
        for name, table in found.items()
        if table.shape[-1] != sum(widths)
    ]
