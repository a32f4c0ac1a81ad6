"""Which autoencoder a request draws with: the checkpoint's own, or a file that stands in for it. Found by name or hash and checked by its header. No torch.

Rule: A1111's "Automatic" takes the VAE that a person noted for the checkpoint, else the file that is called like it, beside it or among the VAEs. What it found is recorded by name and hash, so a
rerun does not hang on what lies in the folders by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from modules.catalog import beside
from modules.catalog.card import Card, Kind
from modules.catalog.cards import opened_header
from modules.core.errors import BadModelFile, NotFound, Unsupported
from modules.core.records.families import FAMILIES
from modules.core.request import AUTOMATIC_VAE, OWN_VAE, GenerationRequest

FIELD = "vae"
CHANNELS = re.compile(r"(^|\.)decoder\.conv_in\.weight$")
"""The decoder's first layer, in LDM's layout and in diffusers': its input channels are the latents'."""


class Shelf(Protocol):
    """What finding asks of the catalog."""

    def files(self, *kinds: Kind) -> list[Card]: ...
    def named(self, group: str, name: str, sha256: str = "", field: str = "") -> Card: ...
    def hashed(self, card: Card) -> Card: ...


def vae_of(request: GenerationRequest, lead: Card, shelf: Shelf) -> Card | None:
    """None for the checkpoint's own. lead: the request's checkpoint.
    Raises NotFound with the nearest names, BadModelFile for a file that cannot be used, Unsupported for one of other latents."""
    name = request.vae.strip()
    if is_automatic(request):
        if FIELD in FAMILIES.get(lead.family).lacks:
            return None
        found = shelf.files("vae")
        said = preferred(lead)
        if said.casefold() == OWN_VAE.casefold():
            return None
        return next(named_so(said, found, lead), None) or automatic(lead, found)
    if not request.vae_hash and name.casefold() == OWN_VAE.casefold():
        return None
    try:
        card = shelf.named("vae", name, request.vae_hash, FIELD)
    except NotFound as error:
        remedy = f"{error.remedy} Or choose {AUTOMATIC_VAE}, or {OWN_VAE} for the checkpoint's own."
        raise NotFound(error.what, remedy, FIELD, error.candidates) from None
    check(card, lead)
    return card


def is_automatic(request: GenerationRequest) -> bool:
    return not request.vae_hash and request.vae.strip().casefold() in ("", AUTOMATIC_VAE.casefold())


def settled(request: GenerationRequest, lead: Card, shelf: Shelf) -> tuple[str, str]:
    """The file's name as A1111 writes it, and its hash; "None" and "" for the checkpoint's own; left alone where the
    family has no such choice. Raises what `vae_of` raises."""
    card = vae_of(request, lead, shelf)
    if card is None and FIELD in FAMILIES.get(lead.family).lacks:
        return AUTOMATIC_VAE, ""
    return (OWN_VAE, "") if card is None else (card.path.name, shelf.hashed(card).sha256)


def of_refiner(request: GenerationRequest, lead: Card, refiner: Card, shelf: Shelf) -> Card | None:
    """What the checkpoint that takes over decodes with. request: resolved. Raises what `vae_of` raises."""
    own = request.refiner
    return vae_of(replace(request, vae=own.vae, vae_hash=own.vae_hash), refiner, shelf) if own.vae else vae_of(request, lead, shelf)


def refiner_settled(request: GenerationRequest, vae: tuple[str, str], refiner: Card, shelf: Shelf) -> tuple[str, str]:
    """The name and the hash of the refiner's; "" and "" where it is the same as the request's. It looks for its own where the request leaves the choice open.
    request: as it was asked for. vae: what was found for it. Raises what `vae_of` raises."""
    own = request.refiner
    if own.vae:
        return settled(replace(request, vae=own.vae, vae_hash=own.vae_hash), refiner, shelf)
    found = settled(request, refiner, shelf) if is_automatic(request) else vae
    return ("", "") if found == vae else found


def preferred(lead: Card) -> str:
    """The VAE that a person noted for this checkpoint, by A1111's note beside it; "" for none."""
    said = beside.notes(lead.path, lead.name).vae
    return "" if said.casefold() == AUTOMATIC_VAE.casefold() else said


def named_so(said: str, found: Sequence[Card], lead: Card) -> Iterator[Card]:
    """Usable files of this name that fit the checkpoint."""
    return (card for card in found if said and said.casefold() in (card.path.name.casefold(), card.name.casefold()) and not card.trouble and fits(card, lead))


def automatic(lead: Card, found: Sequence[Card]) -> Card | None:
    """The usable file that is called like the checkpoint, the one beside it first; of other latents none."""
    mine = re.compile(rf"{re.escape(lead.name)}(?![0-9a-z])", re.IGNORECASE)
    called = [card for card in found if not card.trouble and mine.match(card.path.name) and fits(card, lead)]
    return min(called, key=lambda card: (card.path.parent != lead.path.parent, card.path.name.casefold()), default=None)


def fits(card: Card, lead: Card) -> bool:
    try:
        return channels(card) == FAMILIES.get(lead.family).latent_channels
    except BadModelFile:
        return False


def check(card: Card, lead: Card) -> None:
    """Raises Unsupported for a VAE whose latents are not the checkpoint's. VAEs of SD 1.x and of SDXL, and of SD 3 and FLUX, are alike in all that a file shows."""
    record = FAMILIES.get(lead.family)
    found = channels(card)
    if found != record.latent_channels:
        told = f"has {found} channels of latents" if found else "is of another kind"
        what = f"The VAE {card.path.name} {told}, and {lead.name} ({record.title}) works with {record.latent_channels}."
        raise Unsupported(what, f"Choose a VAE made for {record.title}, {AUTOMATIC_VAE}, or {OWN_VAE}.", FIELD)


def doubted(card: Card, lead: Card) -> str:
    """A sentence where a file of the right shape is called like one of another family's; "" else. Its name is no reason to refuse it."""
    theirs, ours = FAMILIES.get(card.family) if card.family else None, FAMILIES.get(lead.family)
    if theirs is None or (theirs.space or theirs.name) == (ours.space or ours.name):
        return ""
    return f"The VAE {card.path.name} seems to be made for {theirs.title}, and {lead.name} is {ours.title}: the colours may come out wrong. None takes the checkpoint's own."


def channels(card: Card) -> int:
    """Of the latents that a VAE decodes; 0 where its file does not show it. Raises BadModelFile."""
    shapes = (entry.shape for name, entry in opened_header(card.path).tensors.items() if CHANNELS.search(name))
    return next((shape[1] for shape in shapes if len(shape) == 4), 0)
