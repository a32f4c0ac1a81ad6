"""Which files a request's control units name: found by name or hash and recorded, before anything is loaded. No torch: a request is checked before it waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

from modules.catalog.card import Card, Kind
from modules.catalog.cards import opened_header
from modules.core.control import ControlUnit
from modules.core.errors import BadModelFile, InvalidRequest, NotFound, Unsupported
from modules.core.records.annotators import ANNOTATORS, AnnotatorRecord, dial, is_learned
from modules.core.records.control_types import UNION_KINDS, UNTOLD, UnionKind, union_kind
from modules.core.request import GenerationRequest

FIELD = "control"
NETS = ("controlnet", "controlnet-union", "t2i-adapter")
LATER = {
    "controlnet-lllite": "a ControlNet-LLLite",
    "control-lora": "a Control-LoRA",
}
"""Kinds of file that are told apart and that Easel cannot draw with."""
LEARNED = "It needs weights that Easel does not bring. Give the map that it made, with the preprocessor none."


class Shelf(Protocol):
    """What finding asks of the catalog."""

    def named(self, group: str, name: str, sha256: str = "", field: str = "") -> Card: ...
    def files(self, *kinds: Kind) -> list[Card]: ...
    def hashed(self, card: Card) -> Card: ...


class Unit(NamedTuple):
    """One of a request's units with its file. number: from 1, as a person counts."""

    number: int
    wish: ControlUnit
    card: Card


def units_of(request: GenerationRequest, shelf: Shelf) -> Iterator[Unit]:
    """Raises InvalidRequest, NotFound, BadModelFile, Unsupported."""
    for number, wish in enumerate(request.control, 1):
        yield Unit(number, wish, card_of(number, wish, shelf))


def card_of(number: int, wish: ControlUnit, shelf: Shelf) -> Card:
    if not wish.model and not wish.model_hash:
        raise InvalidRequest(f"Control unit {number} names no model.", "Choose one, or leave the unit out.", FIELD)
    try:
        card = _named(wish, shelf)
    except NotFound as error:
        raise NotFound(f"Control unit {number}: {error.what}", error.remedy, FIELD, error.candidates) from None
    except BadModelFile as error:
        raise BadModelFile(f"Control unit {number}: {error.what}", error.remedy, FIELD) from None
    if card.kind in LATER:
        raise Unsupported(f"Control unit {number}: {card.name} is {LATER[card.kind]}, which Easel cannot use.", "Choose a ControlNet of one kind.", FIELD)
    return card


def _named(wish: ControlUnit, shelf: Shelf) -> Card:
    """Whichever kind of control it is."""
    try:
        return shelf.named("controlnet", wish.model, wish.model_hash, FIELD)
    except NotFound as first:
        try:
            return shelf.named("ip-adapter", wish.model, wish.model_hash, FIELD)
        except NotFound as second:
            candidates = tuple(dict.fromkeys((*first.candidates, *second.candidates)))
            raise NotFound(first.what, first.remedy, FIELD, candidates) from None


def encoder_of(unit: Unit, shelf: Shelf) -> Card:
    """The image encoder of an IP-Adapter: the named one, else the first that fits. Raises NotFound, BadModelFile."""
    wish = unit.wish
    if wish.encoder or wish.encoder_hash:
        return shelf.named("clip-vision", wish.encoder, wish.encoder_hash, FIELD)
    wanted = wanted_of(unit.card)
    found = next((card for card in shelf.files("clip-vision") if not card.trouble and (not wanted or wanted in widths_of(card))), None)
    if found is None:
        which = {1024: "CLIP-ViT-H", 1280: "CLIP-ViT-H or CLIP-ViT-bigG"}.get(wanted[1] if wanted else 0, "the one it was made with")
        what = f"Control unit {unit.number}: {unit.card.name} needs an image encoder, and none that fits it is here."
        raise NotFound(what, f"Put {which} into models/clip_vision.", FIELD)
    return found


def wanted_of(card: Card) -> tuple[str, int] | None:
    """What an IP-Adapter looks at, by its header: ("vector" or "states", how wide). None where the header does not tell."""
    shapes = _shapes(card)
    for what, name, side in (("vector", "proj.weight", 1), ("states", "proj_in.weight", 1), ("states", "proj.0.weight", 1)):
        if len(shape := shapes.get(f"image_proj.{name}", ())) == 2:
            return what, shape[side]
    return None


def widths_of(card: Card) -> list[tuple[str, int]]:
    """What an image encoder shows, by its header."""
    shapes = _shapes(card)
    vector, states = shapes.get("visual_projection.weight", ()), shapes.get("vision_model.embeddings.class_embedding", ())
    return [(what, shape[0]) for what, shape in (("vector", vector), ("states", states)) if shape]


def _shapes(card: Card) -> dict[str, tuple[int, ...]]:
    return {} if card.path.is_dir() else {name: entry.shape for name, entry in opened_header(card.path).tensors.items()}


def check(request: GenerationRequest, shelf: Shelf) -> None:
    """Raises what `settled` raises, without computing a hash."""
    for number, wish, card in units_of(request, shelf):
        module = _checked(number, wish, request)
        if of_several(card):
            _union(number, wish, module)
        if card.kind == "ip-adapter":
            encoder_of(Unit(number, wish, card), shelf)
        else:
            annotator_of(number, wish, module, shelf)


def _checked(number: int, wish: ControlUnit, request: GenerationRequest) -> AnnotatorRecord:
    if wish.start > wish.end:
        what = f"Control unit {number} would begin to act at {wish.start:g} of the steps and end at {wish.end:g}."
        raise InvalidRequest(what, "Let it end after it begins.", FIELD)
    if not wish.image and not request.init.image:
        raise InvalidRequest(f"Control unit {number} has no picture.", "Give it one.", FIELD)
    return module_of(number, wish.module)


def of_several(card: Card) -> bool:
    """Whether it knows several kinds of control pictures; FLUX's say so by a tensor of their own."""
    return card.kind == "controlnet-union" or (card.kind == "controlnet" and card.variant == "union")


def _union(number: int, wish: ControlUnit, module: AnnotatorRecord) -> UnionKind:
    """What kind of picture a ControlNet of several kinds is shown."""
    kind = wish.union if wish.union != UNTOLD else union_kind(module.tags)
    if kind == UNTOLD:
        what = f"Control unit {number}: {wish.model} knows several kinds of control pictures, and the preprocessor {module.name} does not say which this is."
        raise InvalidRequest(what, f"Choose its kind: {', '.join(name for name in UNION_KINDS if name != UNTOLD)}.", FIELD)
    return kind


def settled(request: GenerationRequest, shelf: Shelf) -> GenerationRequest:
    """With the names as they stand in the list, the hash of each file and the preprocessors' own names. Idempotent. Raises what `units_of` raises."""
    units = []
    for number, wish, card in units_of(request, shelf):
        module = _checked(number, wish, request)
        thresholds = [dial(module, place, given) for place, given in enumerate((wish.threshold_a, wish.threshold_b))]
        if card.kind == "ip-adapter":
            encoder = shelf.hashed(encoder_of(Unit(number, wish, card), shelf))
            wish = replace(wish, encoder=encoder.name, encoder_hash=encoder.sha256, annotator="", annotator_hash="")
        else:
            network = annotator_of(number, wish, module, shelf)
            network = network and shelf.hashed(network)
            wish = replace(wish, encoder="", encoder_hash="", annotator=network.name if network else "", annotator_hash=network.sha256 if network else "")
        union: UnionKind = _union(number, wish, module) if of_several(card) else UNTOLD
        told = replace(wish, model=card.name, model_hash=shelf.hashed(card).sha256, module=module.name, union=union)
        units.append(replace(told, threshold_a=thresholds[0], threshold_b=thresholds[1]))
    return replace(request, control=tuple(units)) if units else request


def annotator_of(number: int, wish: ControlUnit, module: AnnotatorRecord, shelf: Shelf) -> Card | None:
    """The network of a learned preprocessor: the named one, else the first by name of its kind; None where the preprocessor needs none.
    Raises NotFound, BadModelFile, InvalidRequest."""
    if not module.networks:
        return None
    if wish.annotator or wish.annotator_hash:
        card = shelf.named("annotator", wish.annotator, wish.annotator_hash, FIELD)
        if card.architecture not in module.networks:
            other = next(record.name for record in ANNOTATORS if card.architecture in record.networks)
            raise InvalidRequest(f"Control unit {number}: {card.name} is the network of {other}, not of {module.name}.", f"Choose {other}.", FIELD)
        return card
    here = [card for kind in module.networks for card in shelf.files("annotator") if card.architecture == kind]
    usable = next((card for card in here if not card.trouble), None)
    if usable is None:
        broken = "".join(f" {card.name} cannot be used: {card.trouble}" for card in here)
        raise NotFound(f"Control unit {number}: {module.name} needs a network that is not here.{broken}", where(module), FIELD)
    return usable


EXAMPLES = {
    "dpt": "Intel/dpt-large",
    "depth_anything": "depth-anything/Depth-Anything-V2-Small-hf",
    "oneformer": "shi-labs/oneformer_ade20k_swin_tiny",
    "upernet": "openmmlab/upernet-convnext-small",
}
"""Folders with a network of a kind, on the hub."""


def where(module: AnnotatorRecord) -> str:
    """What to put where, for a learned preprocessor."""
    if module.file:
        return f"Put {module.file} into models/annotators, or give a map with the preprocessor none."
    example = EXAMPLES[module.networks[0]]
    return f"Put a folder with its config.json and model.safetensors (such as {example} has) into models/annotators, or give a map with the preprocessor none."


def module_of(number: int, name: str) -> AnnotatorRecord:
    """Raises InvalidRequest that says why one is not here."""
    if is_learned(name):
        raise InvalidRequest(f"Control unit {number}: there is no preprocessor {name[:80]!r}.", LEARNED, FIELD)
    try:
        return ANNOTATORS.get(name or "none")
    except InvalidRequest as error:
        raise InvalidRequest(f"Control unit {number}: {error.what}", error.remedy, FIELD) from None
