"""Which LoRAs a request's prompts ask for, which files these are, and whether they suit the checkpoint. Before anything is loaded, and without torch.

A1111's rules: a LoRA is called by its file's name, by the name that its training gave it (`ss_output_name`) or by its hash; the first pass wears those of
the prompt, the second those of its own prompt where it has one; an unknown one is said, and the picture drawn without it. Ours: a recorded hash is
binding, and a LoRA for another kind of model is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from modules.catalog.card import LORAS, Card, Kind
from modules.catalog.titles import ARCHITECTURES, KINDS, title
from modules.core.errors import BadModelFile, NotFound, Unsupported
from modules.core.request import GenerationRequest
from modules.prompt.grammar import strip_comments
from modules.prompt.lora_tags import LoraTag, lora_tags

ALIAS = "ss_output_name"
CLAIM = "sshs_model_hash"
"""Where kohya's trainer notes the name of its output and the hash of its weights."""


class Shelf(Protocol):
    """What finding asks of the catalog."""

    def files(self, *kinds: Kind) -> list[Card]: ...
    def named(self, group: str, name: str, sha256: str = "", field: str = "") -> Card: ...
    def hashed(self, card: Card) -> Card: ...
    def weights_hash(self, card: Card) -> str: ...
    def known_weights_hash(self, card: Card) -> str: ...


class Found(NamedTuple):
    """A LoRA of a prompt, its file, and the hash of that one's weights."""

    tag: LoraTag
    card: Card
    digest: str


def tags(request: GenerationRequest) -> list[LoraTag]:
    """Those of a stage's prompt. Raises InvalidRequest for a weight that is no number."""
    return lora_tags(strip_comments(request.prompt) if request.text.comments else request.prompt)


def all_tags(request: GenerationRequest) -> list[LoraTag]:
    """Of the whole request, the second pass's too."""
    own = request.hires.enabled and request.hires.prompt
    return [*tags(request), *(tags(replace(request, prompt=request.hires.prompt)) if own else ())]


def recorded(request: GenerationRequest, lead: Card, shelf: Shelf) -> dict[str, str]:
    """name -> hash of the weights (AutoV3, as A1111 writes it) of each LoRA that is here. lead: the checkpoint.
    A1111 writes names without their commas. Raises NotFound for one whose recorded hash no file here has, BadModelFile, and Unsupported for one made for another kind of model."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(tag.name for tag in all_tags(request)):
        card = find(name, shelf, request.loras.get(name) or request.loras.get(name.replace(",", ""), ""))
        if card and not suits(card, lead):
            what = f"The LoRA {name[:80]!r} was made for {spoken(card)}; the checkpoint {lead.name} is {spoken(lead)}."
            raise Unsupported(what, "Take it out of the prompt, or choose a checkpoint that it was made for.", "prompt")
        if card:
            found[name] = shelf.weights_hash(card)
    return found


def worn(request: GenerationRequest, shelf: Shelf, checkpoint: Card) -> list[Found]:
    """Those that a checkpoint wears in a stage. request: the stage's, resolved. A LoRA that does not suit a refiner is left off there, as its family does."""
    found = [(tag, find(tag.name, shelf, request.loras[tag.name])) for tag in tags(request) if tag.name in request.loras and (tag.te or tag.unet)]
    return [Found(tag, card, request.loras[tag.name]) for tag, card in found if card and suits(card, checkpoint)]


def missing(request: GenerationRequest, shelf: Shelf) -> list[str]:
    """What to say of those that the request names and that are not here. request: resolved."""
    names = dict.fromkeys(tag.name for tag in all_tags(request) if tag.name not in request.loras)
    return [f"There is no LoRA {name[:80]!r}, so the picture was drawn without it. {_remedy(nearest(name, shelf))}" for name in names]


def _remedy(near: Sequence[str]) -> str:
    return f"Nearest: {', '.join(near)}." if near else "Its place is models/Lora."


def find(name: str, shelf: Shelf, digest: str = "") -> Card | None:
    """digest: what its weights' hash, or its file's, must begin with; "" for any. Raises NotFound where that is not here, BadModelFile for a file that
    cannot be used. None for a name that nothing has."""
    called = _called(name, shelf)
    if not digest:
        return called
    if called and (shelf.weights_hash(called).startswith(digest.lower()) or shelf.hashed(called).sha256.startswith(digest.lower())):
        return called  # Civitai's own lists name files by the hash of all of them
    cards = [card for card in shelf.files(*LORAS) if not card.trouble]
    for card in cards:
        claimed = card.metadata.get(CLAIM, "").lower().startswith(digest.lower())
        if shelf.known_weights_hash(card).startswith(digest.lower()) or claimed and shelf.weights_hash(card).startswith(digest.lower()):
            return card
    here = f"another file has that name: its hash is {shelf.weights_hash(called)[:12]}" if called else "it is not here"
    what = f"The LoRA {name[:80]!r} ({digest[:12]}) is missing: {here}."
    raise NotFound(what, "Put the file into models/Lora, or take it out of the prompt.", "loras")


def _called(name: str, shelf: Shelf) -> Card | None:
    try:
        card = shelf.named("lora", name, field="prompt")
        if card.kind in LORAS:
            return card
        raise BadModelFile(f"{card.name} is a {KINDS[card.kind]}: it guides by a picture, not by a prompt.", "Take it out of the prompt.", "prompt")
    except NotFound:
        pass
    cards = shelf.files(*LORAS)
    spoken, short = name.casefold(), len(name) < 8
    for card in cards:
        alias, claim = card.metadata.get(ALIAS, ""), card.metadata.get(CLAIM, "")
        if not card.trouble and (spoken == alias.casefold() or not short and (claim.startswith(spoken) or shelf.known_weights_hash(card).startswith(spoken))):
            return card
    broken = next((card for card in shelf.files("unknown") if card.trouble and spoken == card.name.casefold()), None)
    if broken:
        raise BadModelFile(f"The LoRA {broken.path.name} cannot be used. {broken.trouble}", "Take it out of the prompt, or download it again.", "prompt")
    return None


def nearest(name: str, shelf: Shelf) -> tuple[str, ...]:
    """Names that are here and look like it."""
    try:
        shelf.named("lora", name)
    except NotFound as error:
        return error.candidates
    return ()


def suits(lora: Card, checkpoint: Card) -> bool:
    """As far as the headers tell."""
    return not lora.architecture or not checkpoint.architecture or _base(lora.architecture) == _base(checkpoint.architecture)


def spoken(card: Card) -> str:
    """What its architecture is called: SDXL, Stable Diffusion 1.x inpainting."""
    return title(card.architecture).removesuffix(" model")


def _base(architecture: str) -> str:
    return next((start for start, _ in ARCHITECTURES if architecture.startswith(start)), architecture)


def summed(found: Sequence[Found]) -> list[Found]:
    """A LoRA that is named twice acts with the sum of its weights, and so does one that is called by two names."""
    together: dict[tuple[str, int], Found] = {}
    for one in found:
        before = together.get((one.digest, one.tag.dyn))
        tag = one.tag._replace(te=before.tag.te + one.tag.te, unet=before.tag.unet + one.tag.unet) if before else one.tag
        together[one.digest, one.tag.dyn] = one._replace(tag=tag)
    return list(together.values())
