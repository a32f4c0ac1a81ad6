"""Makes a request concrete: -1 becomes a seed, a model's name its hash, an alias the name itself. Idempotent, so a rerun takes the very path of a new request."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from typing import Protocol

from modules.catalog.card import Card
from modules.core.errors import InvalidRequest, NotFound
from modules.core.groups.editing import Init
from modules.core.groups.passes import Refiner
from modules.core.records.families import FAMILIES
from modules.core.records.samplers import split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.core.request import SEED_DRAW, GenerationRequest, Precision
from modules.engine import control_files, face_names, loras, upscaler_names, vae_names
from modules.engine.companions import Shelf as Companions
from modules.engine.companions import with_companions
from modules.engine.inversions import suits
from modules.engine.plan import check_levels
from modules.engine.refiner import check_pair, refiner_of
from modules.engine.sizes import concrete
from modules.engine.supports import check_supported
from modules.engine.texts import spoken, styled
from modules.prompt.embeddings import names_in
from modules.prompt.styles import Style

IMAGE_CFG = 1.5
"""A1111's, and that of the paper."""


class Shelf(upscaler_names.Shelf, control_files.Shelf, loras.Shelf, vae_names.Shelf, face_names.FaceShelf, Companions, Protocol):
    """What resolving asks of the catalog."""

    def checkpoint(self, name: str, sha256: str = "") -> Card: ...
    def default(self) -> Card | None: ...
    def embeddings(self) -> list[Card]: ...


def resolve(
    request: GenerationRequest,
    shelf: Shelf,
    precision: Callable[[Precision], Precision],
    styles: Callable[[], Mapping[str, Style]] = dict,
    texts: Callable[[Precision, Precision], Precision] = lambda wanted, rest: rest if wanted == "auto" else wanted,
) -> tuple[GenerationRequest, Card]:
    """-> the concrete request and the checkpoint's card. styles: by name. texts: the precision of text
    encoders, of what is wanted and of the rest's. Raises InvalidRequest for unknown names, NotFound for a model that is not there."""
    request = drawn(styled(request, styles))
    sampler, named = split_sampler(request.sampler)
    schedule = SCHEDULES.get(request.schedule).name
    if named and schedule == "Automatic":
        schedule = named
    check_levels(request)
    card = find_model(request, shelf)
    record = FAMILIES.get(card.family)
    exact = precision(request.precision)
    if request.precision == "auto" and exact == "fp16":
        exact = record.half
    vae, vae_hash = vae_names.settled(request, card, shelf)
    variation = request.variation
    if bool(variation.width) != bool(variation.height):
        raise InvalidRequest("Resize seed needs both a width and a height.", "Give both, or 0 for both.", "variation.width")
    resolved = dataclasses.replace(
        request,
        sampler=sampler,
        schedule=schedule,
        steps=len(request.spacing.sigmas) or request.steps,
        model=card.name,
        model_hash=card.sha256,
        vae=vae,
        vae_hash=vae_hash,
        precision=exact,
        text_precision=request.text_precision if "text_precision" in record.lacks else texts(request.text_precision, exact),
        storage=concrete(request.storage, card.family),
        init=_init(request, card),
        embeddings=_embeddings(dataclasses.replace(request, sampler=sampler), card, shelf),
        loras=loras.recorded(request, card, shelf),
        refiner=_refiner(request, card, (vae, vae_hash), shelf),
    )
    check_supported(resolved, record, card.name)
    card, companions = with_companions(resolved, card, shelf)
    resolved = dataclasses.replace(resolved, companions=companions)
    return control_files.settled(face_names.settled(upscaler_names.settled(resolved, shelf), shelf), shelf), card


def _init(request: GenerationRequest, card: Card) -> Init:
    """The first picture of a batch stands for all; the picture's own guidance has a value where the model has such, and nowhere else."""
    edits = card.variant == "pix2pix"
    image_cfg = (IMAGE_CFG if request.init.image_cfg is None else request.init.image_cfg) if edits else None
    return dataclasses.replace(request.init, image=request.init.image or next(iter(request.init.batch), ""), image_cfg=image_cfg)


def drawn(request: GenerationRequest) -> GenerationRequest:
    """Real seeds: the request's, and that of its variation where one acts."""
    variation = request.variation
    if variation.strength > 0 and variation.seed == -1:
        variation = dataclasses.replace(variation, seed=random.randrange(SEED_DRAW))
    return dataclasses.replace(request, variation=variation, seed=random.randrange(SEED_DRAW) if request.seed == -1 else request.seed)


def find_model(request: GenerationRequest, shelf: Shelf) -> Card:
    if request.model or request.model_hash:
        return shelf.hashed(shelf.checkpoint(request.model, request.model_hash))
    card = shelf.default()
    if card is None:
        raise NotFound("There is no model to draw with.", "Put a checkpoint into models/Stable-diffusion and press the refresh button.", "model")
    return shelf.hashed(card)


def _refiner(request: GenerationRequest, lead: Card, vae: tuple[str, str], shelf: Shelf) -> Refiner:
    """By name and hash; a checkpoint that would take over from itself is none. vae: name and hash of what was found for the request."""
    card = refiner_of(request, shelf)
    card = card and shelf.hashed(card)
    if card is None or card.sha256 == lead.sha256:
        return Refiner()
    check_pair(lead, card)
    own, own_hash = vae_names.refiner_settled(request, vae, card, shelf)
    return dataclasses.replace(request.refiner, checkpoint=card.name, checkpoint_hash=card.sha256, vae=own, vae_hash=own_hash)


def _embeddings(request: GenerationRequest, lead: Card, shelf: Shelf) -> dict[str, str]:
    """name -> sha256 of each textual inversion that the prompts name and that the checkpoint takes. A recorded hash that no file has any more is refused, not
    replaced."""
    cards = {card.name: card for card in shelf.embeddings() if not card.trouble and suits(card, lead)}
    used = {name: shelf.hashed(cards[name]).sha256 for name in names_in("\n".join(spoken(request)), list(cards))}
    for name, sha256 in request.embeddings.items():
        if not used.get(name, "").startswith(sha256[:64]):
            found = "another file has that name" if name in used else "it is not in the embeddings folder"
            raise NotFound(f"The embedding {name!r} ({sha256[:10]}) is missing: {found}.", "Put the file into models/embeddings.", "embeddings")
    return used
