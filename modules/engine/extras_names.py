"""Which files an extras request acts through: its upscalers and face networks by name and hash. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from modules.core.errors import InvalidRequest
from modules.core.extras import ExtrasRequest
from modules.core.params import with_values
from modules.core.records.upscalers import IMAGE_UPSCALERS
from modules.core.request import Precision
from modules.engine import face_names, upscaler_names
from modules.engine.face_names import FaceShelf
from modules.engine.upscaler_names import Shelf, Upscaling

FIELDS = ("upscaler", "second")


class ExtrasShelf(Shelf, FaceShelf, Protocol):
    """What extras ask of the catalog."""


def found(request: ExtrasRequest, field: str, shelf: Shelf) -> Upscaling:
    """Raises what `upscaler_names.find` raises."""
    name = getattr(request, field)
    return upscaler_names.find(name, shelf, field, IMAGE_UPSCALERS, request.enlarging.networks.get(name, ""))


def check(request: ExtrasRequest, shelf: ExtrasShelf) -> None:
    """Raises InvalidRequest with the nearest names, NotFound for a recorded file that is not here or a face network that nobody put there, BadModelFile."""
    if not request.images:
        raise InvalidRequest("There is no picture.", "Give one.", "images")
    if request.names and len(request.names) != len(request.images):
        raise InvalidRequest(f"There are {len(request.images)} pictures and {len(request.names)} names.", "Give as many names, or none.", "names")
    for field in FIELDS:
        found(request, field, shelf)
    for name in face_names.acting(request.faces):
        face_names.find(name, request.faces, shelf)


def settled(request: ExtrasRequest, shelf: ExtrasShelf, precision: Callable[[Precision], Precision]) -> ExtrasRequest:
    """Concrete: names as they stand in the list, the hash of each file that acts, the precision. Idempotent. Raises what `check` raises."""
    check(request, shelf)
    networks: dict[str, str] = {}
    for field in FIELDS:
        known = found(request, field, shelf)
        request = with_values(request, {field: known.name})
        if field == "upscaler" or request.second_visibility:
            networks |= upscaler_names.recorded(known, shelf)
    faces = replace(request.faces, networks=face_names.recorded(request.faces, shelf))
    return replace(request, enlarging=replace(request.enlarging, networks=networks), faces=faces, precision=precision(request.precision))
