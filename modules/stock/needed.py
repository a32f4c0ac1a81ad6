"""What of the models that a picture was made with is here: by hash where it says one, else by name. What is missing is named, and what could stand in for it
is offered; nothing is ever put in its place by itself.

A hash may be any that tools write: old eight digits, sha256, of the weights alone, what a trainer wrote into the file, blake3. Those that nobody has
computed yet are computed only for a file that has the right name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modules.catalog.card import Card
from modules.catalog.scan import Library
from modules.core.errors import EaselError
from modules.infotext.files import Found
from modules.infotext.needs import Need, needs
from modules.stock.groups import BY_ID, group_of
from modules.stock.ids import id_of

State = Literal["here", "by name", "another", "missing"]
CLAIMS = ("sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256")
"""Metadata in which a trainer wrote the file's hashes."""
OFFERED = 3
AT_ONCE = 4 * 10**9
"""Bytes of a file that is hashed while a person waits: some seconds."""


@dataclass(frozen=True)
class Resolved:
    """card: the file that is meant; of "another" the one that has its name. substitutes: what a person might take instead."""

    need: Need
    state: State
    card: Card | None = None
    note: str = ""
    substitutes: tuple[Card, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        def shown(card: Card) -> dict[str, str]:
            return {"id": id_of(card.path), "name": card.name, "file": card.path.name, "family": card.family}

        told = {"kind": self.need.kind, "name": self.need.name, "hash": self.need.hash, "state": self.state, "note": self.note}
        return {**told, "model": shown(self.card) if self.card else None, "substitutes": [shown(card) for card in self.substitutes]}


def needed(found: Found, library: Library) -> list[Resolved]:
    """Of everything that a picture names."""
    wanted = needs(found)
    cards = library.files() if wanted else []
    lead = next((answer.card for need in wanted if need.kind == "checkpoint" and (answer := _answer(need, cards, library, "")).card), None)
    return [_answer(need, cards, library, lead.family if lead else "") for need in wanted]


def _answer(need: Need, cards: Sequence[Card], library: Library, family: str) -> Resolved:
    group = BY_ID[need.kind]
    fitting = [card for card in cards if group_of(card.kind) is group]
    usable = [card for card in fitting if not card.trouble]
    broken = [card for card in cards if card.kind == "unknown" and card.trouble]  # a damaged file no longer says what it is
    named = [card for card in (*fitting, *broken) if need.name and card.name.casefold() == need.name.casefold()]
    if need.hash:
        for card in (*named, *(card for card in cards if card not in named)):
            if any(digest.startswith(need.hash) for digest in _known(card, library, len(need.hash) == 8) if digest):
                return Resolved(need, "here", card, card.trouble)
        for card in named:
            if card.trouble:
                return Resolved(need, "another", card, card.trouble, _substitutes(need, usable, family))
            if card.size > AT_ONCE:
                return Resolved(need, "by name", card, "Its hash is not computed yet.")
            if any(digest.startswith(need.hash) for digest in _computed(card, library)):
                return Resolved(need, "here", card)
        if named:
            return Resolved(need, "another", named[0], "Another file has that name: its hash is another one.", _substitutes(need, usable, family))
    elif named:
        return Resolved(need, "by name", named[0], named[0].trouble or "The picture says its name only.")
    return Resolved(need, "missing", None, f"Its place is models/{group.folder}.", _substitutes(need, usable, family))


def _known(card: Card, library: Library, short: bool) -> Iterator[str]:
    """Every hash of a file that costs nothing. short: eight digits are looked for, so the old hash is worth a small read."""
    yield card.sha256
    yield library.known_weights_hash(card)
    yield library.known_hash(card, "blake3")
    yield from (card.metadata[key].lower().removeprefix("0x") for key in CLAIMS if key in card.metadata)
    if short and card.path.is_file():
        yield library.other_hash(card, "autov1")


def _computed(card: Card, library: Library) -> Iterator[str]:
    """Those that cost reading the file."""
    try:
        yield library.hashed(card).sha256
        if card.path.is_file():
            yield library.weights_hash(card)
            yield library.other_hash(card, "blake3")
    except EaselError:
        return


def _substitutes(need: Need, usable: Sequence[Card], family: str) -> tuple[Card, ...]:
    """The nearest names among what suits the picture's checkpoint."""
    suited = [card for card in usable if not family or not card.family or card.family == family]
    by_name = {card.name.casefold(): card for card in reversed(suited)}
    near = difflib.get_close_matches(need.name.casefold()[:200], by_name, OFFERED, 0.45) if need.name else []
    if not near and need.kind == "checkpoint":
        near = list(by_name)[:OFFERED]
    return tuple(by_name[name] for name in near)
