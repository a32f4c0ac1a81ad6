"""What a checkpoint in one file draws with beside itself: text encoders and VAE from the user's folders, found by name or by what they are. No torch.
Of one that draws after depth it is the network that makes the map of a start picture.

A bundle has them inside. Which files were taken changes the picture, so the request names them with their hashes, and a rerun takes the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from modules.catalog.annotators import DEPTH
from modules.catalog.card import Card, Kind
from modules.catalog.cards import opened_header
from modules.catalog.lookup import titled
from modules.core.errors import BadModelFile, EaselError, NotFound
from modules.core.request import GenerationRequest

FIELD = "companions"


class Role(NamedTuple):
    """inside: how names of a bundle begin that has it. group: of the catalog. what, usual: for the user. optional: the family does without."""

    name: str
    inside: tuple[str, ...]
    group: str
    what: str
    usual: str
    place: str = "models/text_encoder"
    optional: bool = False


CLIP_L = Role("clip-l", ("text_encoders.clip_l.",), "text-encoder", "the text encoder CLIP-L", "clip_l.safetensors")
CLIP_G = Role("clip-g", ("text_encoders.clip_g.",), "text-encoder", "the text encoder CLIP-G", "clip_g.safetensors")
T5 = Role("t5", ("text_encoders.t5xxl.",), "text-encoder", "the text encoder T5-XXL", "t5xxl_fp16.safetensors")
VAE = Role("vae", ("first_stage_model.", "vae."), "vae", "a VAE with 16 channels", "ae.safetensors", "models/VAE")
ROLES: Mapping[str, tuple[Role, ...]] = {"flux": (CLIP_L, T5, VAE), "sd3": (CLIP_L, CLIP_G, T5._replace(optional=True), VAE)}
"""By family."""


class Shelf(Protocol):
    """What finding asks of the catalog."""

    def files(self, *kinds: Kind) -> list[Card]: ...
    def hashed(self, card: Card) -> Card: ...


class Checkpoints(Shelf, Protocol):
    """And of one that knows checkpoints too."""

    def preferred(self, name: str) -> Card | None: ...


def with_companions(request: GenerationRequest, card: Card, shelf: Shelf) -> tuple[Card, dict[str, str]]:
    """-> the card with its companions by role, and their names with hashes. Raises NotFound that says what is missing and where it belongs."""
    if card.variant == "depth":
        return card, depth_network(request, shelf)
    missing = lacking(card)
    if not missing:
        return card, {}
    known = [one for one in shelf.files("text-encoder", "vae", "unknown") if not one.trouble or one.kind == "unknown"]
    asked = [_asked(name, sha256, known, shelf) for name, sha256 in request.companions.items()]
    found: dict[str, Card] = {}
    lost: list[Role] = []
    for role in missing:
        fitting = [one for one in asked if plays(one, role)]
        if not fitting and not (role.optional and asked):
            fitting = preferred([one for one in known if plays(one, role)], card.family)
        if fitting:
            found[role.name] = shelf.hashed(fitting[0])
        elif not role.optional:
            lost.append(role)
    if lost:
        what = f"{card.path.name} holds no text encoders or VAE of its own, and {_listed([role.what for role in lost])} {'is' if len(lost) == 1 else 'are'} not here."
        remedy = " ".join(f"Put {role.usual} into {role.place}." for role in lost) + " Then refresh the list."
        raise NotFound(what, remedy, "model")
    return replace(card, companions=found), {one.name: one.sha256 for one in found.values()}


def beside(request: GenerationRequest, shelf: Checkpoints) -> tuple[dict[str, str], str]:
    """-> (those of the request's companions that are here or named by a hash, the file name of the VAE among them that takes the place of the checkpoint's own).
    A checkpoint with everything inside has a choice of VAE and no companions but a network for depth; one that is not here may be of either kind."""
    known = [one for one in shelf.files("text-encoder", "vae", "unknown") if not one.trouble or one.kind == "unknown"]
    called = {name: next((one for one in known if name.lower() in (one.name.lower(), one.path.name.lower())), None) for name in request.companions}
    card = shelf.preferred(titled(request.model, request.model_hash))
    try:
        whole = card if card and not lacking(card) else None
    except EaselError:
        whole = None
    if whole:
        vaes = [one.path.name for one in called.values() if one and one.kind == "vae"]
        nets = {one.name for one in shelf.files("annotator") if one.architecture in DEPTH} if whole.variant == "depth" else set()
        kept = {name: sha256 for name, sha256 in request.companions.items() if name in nets or (whole.variant == "depth" and sha256 and not called[name])}
        return kept, vaes[0] if vaes and not request.vae_hash else ""
    return {name: sha256 for name, sha256 in request.companions.items() if sha256 or called[name]}, ""


def acting(request: GenerationRequest, card: Card, shelf: Shelf) -> dict[str, str]:
    """The request's companions without those that mean nothing to its checkpoint: a form holds on to them while checkpoints change."""
    if not request.companions or lacking(card):
        return dict(request.companions)
    known = {one.name.lower() for one in shelf.files("text-encoder", "vae")}
    return {name: sha256 for name, sha256 in request.companions.items() if card.variant == "depth" and name.lower() not in known}


def depth_network(request: GenerationRequest, shelf: Shelf) -> dict[str, str]:
    """What makes the depth map of a start picture that comes without one, with its hash: the network that the request names, else the first by name;
    none where there is nothing to do, or no such network. Raises NotFound."""
    if request.init.depth or not request.init.image:
        return {}
    known = [one for one in shelf.files("annotator") if one.architecture in DEPTH and not one.trouble]
    chosen = [_asked(name, sha256, known, shelf, depth=True) for name, sha256 in request.companions.items()] or known
    return {one.name: shelf.hashed(one).sha256 for one in chosen[:1]}


def lacking(card: Card) -> list[Role]:
    """The roles that a single file leaves to others; none for a folder, or a family whose files are whole."""
    roles = ROLES.get(card.family, ())
    if not roles or card.path.is_dir():
        return []
    names = opened_header(card.path).tensors
    return [role for role in roles if not any(name.startswith(role.inside) for name in names)]


def plays(card: Card, role: Role) -> bool:
    """By what the file holds; which of the CLIPs it is, by its width, or its name where it is of neither's width."""
    if role.group == "vae":
        return card.kind == "vae" and _width(card, ("decoder.conv_in.weight",), 1) == 16
    if card.kind not in ("text-encoder", "unknown"):  # the catalog names those of the published widths; what a narrow one is, its tensors say
        return False
    if role is CLIP_L or role is CLIP_G:
        width = _width(card, ("text_model.embeddings.token_embedding.weight",), 1)
        large = width == 1280 or (width != 768 and "_g" in card.name.lower())
        return bool(width) and large == (role is CLIP_G)
    return bool(_width(card, ("encoder.block.0.layer.0.SelfAttention.q.weight", "enc.blk.0.attn_q.weight"), 0))


def preferred(cards: Sequence[Card], family: str) -> list[Card]:
    """The VAEs of both families look alike, so a name that says its family comes first, and one that says another's last; else by name."""
    others = [name for name in ROLES if name != family]

    def rank(card: Card) -> tuple[int, str]:
        name = card.name.lower()
        own = family in name or (family == "flux" and name.startswith("ae"))
        return (0 if own else 2 if any(other in name for other in others) else 1), name

    return sorted(cards, key=rank)


def _width(card: Card, marks: tuple[str, ...], axis: int) -> int:
    try:
        found = opened_header(card.path)
        shapes = [found.shape(mark) for mark in marks]
    except BadModelFile:
        return 0
    return next((shape[axis] for shape in shapes if len(shape) > axis), 0)


def _asked(name: str, sha256: str, known: Sequence[Card], shelf: Shelf, depth: bool = False) -> Card:
    """By hash where one is given, whatever the name now is."""
    called = [one for one in known if name.lower() in (one.name.lower(), one.path.name.lower())]
    if not sha256 and called:
        return called[0]
    if sha256:
        for one in (*called, *known):
            if shelf.hashed(one).sha256.startswith(sha256.lower()):
                return one
    hashed = f" ({sha256[:10]})" if sha256 else ""
    near = ", ".join(one.name for one in known[:5]) or "none"
    what, place = ("network for depth", "models/annotators") if depth else ("text encoder or VAE", "models/text_encoder or models/VAE")
    raise NotFound(f"The {what} {name[:80]!r}{hashed} is not here.", f"Put it into {place}. Here are: {near}.", FIELD)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
