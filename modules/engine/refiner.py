"""The checkpoint that takes over from a request's own: found by name or hash, and checked, before anything is loaded. No torch."""

from __future__ import annotations

from typing import Protocol

from modules.catalog.card import Card
from modules.core.errors import BadModelFile, NotFound, Unsupported
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest

FIELD = "refiner.checkpoint"
BESIDE = {"inpainting": "an inpainting model", "depth": "a depth-to-image model", "pix2pix": "a model that edits by instruction"}
"""Variants of cards whose networks see more than latents."""


class Checkpoints(Protocol):
    """What finding asks of the catalog."""

    def checkpoint(self, name: str, sha256: str = "") -> Card: ...


def refiner_of(request: GenerationRequest, shelf: Checkpoints) -> Card | None:
    """None where there is no refiner. Raises NotFound with the nearest names, BadModelFile for one that cannot be used."""
    wish = request.refiner
    if not wish.checkpoint and not wish.checkpoint_hash:
        return None
    try:
        return shelf.checkpoint(wish.checkpoint, wish.checkpoint_hash)
    except NotFound as error:
        raise NotFound(f"The refiner is missing. {error.what}", error.remedy, FIELD, error.candidates) from None
    except BadModelFile as error:
        raise BadModelFile(f"The refiner cannot be used. {error.what}", error.remedy, FIELD) from None


def check_pair(lead: Card, refiner: Card) -> None:
    """Raises Unsupported where one cannot go on with the latents of the other, or does not see what the other is shown beside them."""
    first, second = FAMILIES.get(lead.family), FAMILIES.get(refiner.family)
    if (first.space or first.name) != (second.space or second.name):
        what = f"{refiner.name} ({second.title}) cannot take over from {lead.name} ({first.title}): their latents mean different things."
        raise Unsupported(what, f"Choose a refiner of the family {first.title}, or none.", FIELD)
    one, other = (BESIDE.get(card.variant, "a plain model") for card in (lead, refiner))
    if one != other:
        what = f"{refiner.name} ({other}) cannot take over from {lead.name} ({one}): they are shown different things beside the latents."
        raise Unsupported(what, f"Choose a refiner that is {one} too, or none.", FIELD)
