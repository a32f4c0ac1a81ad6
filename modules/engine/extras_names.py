"""Which files an extras request acts through: its upscalers and face networks by name and hash. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from modules.core.errors import InvalidRequest, Unsupported
from modules.core.extras import ExtrasRequest
from modules.core.params import with_values
from modules.core.request import IMAGE_UPSCALERS, Precision
from modules.engine import upscaler_names
from modules.engine.upscaler_names import Shelf, Upscaling

FIELDS = ("upscaler", "second")


def found(request: ExtrasRequest, field: str, shelf: Shelf) -> Upscaling:
    """Raises what `upscaler_names.find` raises."""
    name = getattr(request, field)
    return upscaler_names.find(name, shelf, field, IMAGE_UPSCALERS, request.enlarging.networks.get(name, ""))


def check(request: ExtrasRequest, shelf: Shelf) -> None:
    """Raises InvalidRequest with the nearest names, NotFound for a recorded file that is not here, BadModelFile."""
    if not request.images:
        raise InvalidRequest("There is no picture.", "Give one.", "images")
    if request.names and len(request.names) != len(request.images):
        raise InvalidRequest(f"There are {len(request.images)} pictures and {len(request.names)} names.", "Give as many names, or none.", "names")
    for field in FIELDS:
        found(request, field, shelf)
    for name in ("gfpgan", "codeformer"):
        if getattr(request.faces, name):
            raise Unsupported("Faces are not restored yet.", "Leave it at 0.", f"faces.{name}")


def settled(request: ExtrasRequest, shelf: Shelf, precision: Callable[[Precision], Precision]) -> ExtrasRequest:
    """Concrete: names as they stand in the list, the hash of each file that acts, the precision. Idempotent. Raises what `check` raises."""
    check(request, shelf)
    networks: dict[str, str] = {}
    for field in FIELDS:
        known = found(request, field, shelf)
        request = with_values(request, {field: known.name})
        if field == "upscaler" or request.second_visibility:
            networks |= upscaler_names.recorded(known, shelf)
    return replace(request, enlarging=replace(request.enlarging, networks=networks), precision=precision(request.precision))
