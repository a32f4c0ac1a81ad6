"""Which upscalers a request names, and which file each one is. No torch: a request is checked before it waits in the queue.

Upscalers that need no file (`imaging.resize.UPSCALERS`) go before files of the same name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from modules.catalog.card import Card
from modules.core.errors import InvalidRequest, NotFound
from modules.core.groups.passes import Enlarging
from modules.core.records.upscalers import HIRES_UPSCALERS, IMAGE_UPSCALERS
from modules.core.request import GenerationRequest


class Shelf(Protocol):
    """What finding asks of the catalog."""

    def upscaler(self, name: str, sha256: str = "", field: str = "") -> Card: ...
    def upscalers(self) -> list[Card]: ...
    def hashed(self, card: Card) -> Card: ...


class Upscaling(NamedTuple):
    """name: as it stands in the list. card: None for one that needs no file."""

    name: str
    card: Card | None = None


def find(name: str, shelf: Shelf, field: str, plain: Sequence[str] = IMAGE_UPSCALERS, sha256: str = "") -> Upscaling:
    """The upscaler of this name, whatever its case. plain: those that need no file. sha256: of the file, where a request recorded it: then no other file
    will do. Raises InvalidRequest with the nearest names, NotFound for a recorded file that is not here, BadModelFile for one that cannot be used."""
    known = {one.casefold(): one for one in plain}
    if name.strip().casefold() in known and not sha256:
        return Upscaling(known[name.strip().casefold()])
    try:
        card = shelf.upscaler(name, sha256, field)
    except NotFound as error:
        if sha256:
            raise
        names = [*plain, *(card.name for card in shelf.upscalers() if not card.trouble)]
        near = difflib.get_close_matches(name[:80], names, 3, 0.3) or names[:3]
        raise InvalidRequest(f"There is no upscaler {name[:80]!r}.", f"Near it: {', '.join(near)}. Files go into models/ESRGAN.", error.field) from None
    return Upscaling(card.name, card)


def names_of(request: GenerationRequest) -> Iterator[tuple[str, str, Sequence[str]]]:
    """(dotted field, name, those that need no file) of each upscaler that acts; those of a script are its own matter."""
    if request.init.image:
        yield "init.upscaler", request.init.upscaler, IMAGE_UPSCALERS
    elif request.hires.enabled:
        yield "hires.upscaler", request.hires.upscaler, HIRES_UPSCALERS


def check(request: GenerationRequest, shelf: Shelf) -> None:
    """Raises what `find` raises."""
    for field, name, plain in names_of(request):
        find(name, shelf, field, plain, request.enlarging.networks.get(name, ""))


def settled(request: GenerationRequest, shelf: Shelf) -> GenerationRequest:
    """With the names as they stand in the list, and the hash of each file. Idempotent. Raises what `find` raises."""
    networks: dict[str, str] = {}
    for field, name, plain in names_of(request):
        found = find(name, shelf, field, plain, request.enlarging.networks.get(name, ""))
        networks |= recorded(found, shelf)
        group, last = field.split(".")
        request = replace(request, **{group: replace(getattr(request, group), **{last: found.name})})
    return replace(request, enlarging=replace(request.enlarging, networks=networks))


def recorded(found: Upscaling, shelf: Shelf) -> dict[str, str]:
    """What `Enlarging.networks` says of it."""
    return {found.name: shelf.hashed(found.card).sha256} if found.card else {}


def with_network(how: Enlarging, networks: dict[str, str]) -> Enlarging:
    return replace(how, networks={**how.networks, **networks})
