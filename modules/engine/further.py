"""Networks that a request draws with beside its checkpoints, and how many bytes they take: by the sizes of their files, before anything is loaded. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Protocol

from modules.catalog.card import Card
from modules.core.errors import EaselError
from modules.core.request import GenerationRequest
from modules.engine import face_names, upscaler_names, vae_names
from modules.engine.control_files import Shelf as ControlShelf
from modules.engine.control_files import annotator_of, encoder_of, module_of, units_of
from modules.engine.face_names import FaceShelf
from modules.engine.refiner import Checkpoints, refiner_of
from modules.engine.upscaler_names import Shelf as UpscalerShelf
from modules.engine.vae_names import Shelf as VaeShelf

BYTES: Mapping[str, int] = {"fp32": 4, "fp16": 2, "bf16": 2, "fp8": 1}
"""Of a number in a file, by what its card says of it."""
FULL = 4
"""Bytes of a number in face networks and preprocessors."""

Found = Callable[[], list[tuple[Card, int]]]


class Shelf(ControlShelf, FaceShelf, UpscalerShelf, VaeShelf, Checkpoints, Protocol):
    """What finding asks of the catalog."""


def size(request: GenerationRequest, lead: Card, shelf: Shelf, plain: int, vae: int) -> int:
    """Bytes of all of them: they stay in memory for the next picture. lead: the request's checkpoint. plain, vae: bytes of a number in what draws, and in an
    autoencoder. Never raises: what is not found is refused elsewhere."""
    kinds: tuple[Found, ...] = (
        lambda: [(card, plain) for card in _controls(request, shelf)],
        lambda: [(card, FULL) for card in _annotators(request, shelf)],
        lambda: [(card, FULL if request.enlarging.full else plain) for card in _upscalers(request, shelf)],
        lambda: [(card, FULL) for card in face_names.pair_of(request.faces, shelf) or ()],
        lambda: [(card, vae) for card in (vae_names.vae_of(request, lead, shelf),) if card],
    )
    total = 0
    for kind in kinds:
        with suppress(EaselError):
            total += sum(_widened(card, width) for card, width in kind())
    return total


def refiner(request: GenerationRequest, shelf: Shelf) -> Card | None:
    """The checkpoint that takes over; None where none does, or where it is not found."""
    with suppress(EaselError):
        return refiner_of(request, shelf)
    return None


def _controls(request: GenerationRequest, shelf: Shelf) -> Iterator[Card]:
    for unit in units_of(request, shelf) if request.control else ():
        yield unit.card
        if unit.card.kind == "ip-adapter":
            yield encoder_of(unit, shelf)


def _annotators(request: GenerationRequest, shelf: Shelf) -> Iterator[Card]:
    for number, wish in enumerate(request.control, 1):
        if card := annotator_of(number, wish, module_of(number, wish.module), shelf):
            yield card


def _upscalers(request: GenerationRequest, shelf: Shelf) -> Iterator[Card]:
    for field, name, plain in upscaler_names.names_of(request):
        if card := upscaler_names.find(name, shelf, field, plain, request.enlarging.networks.get(name, "")).card:
            yield card


def _widened(card: Card, width: int) -> int:
    return card.size * width // BYTES.get(card.precision, width)
