"""How many pictures of one request may lie in memory at once: those that do not become files, and those that an answer holds."""

from __future__ import annotations

from modules.core.errors import InvalidRequest
from modules.core.request import GenerationRequest

ROOM = 2**30
"""Bytes, as plain pixels."""


def check(request: GenerationRequest, where: str) -> None:
    """where: what would have to hold them. Raises InvalidRequest for more than there is room for."""
    hires = request.hires
    width, height = (max(request.width, hires.width), max(request.height, hires.height)) if hires.enabled else (request.width, request.height)
    scale = hires.scale if hires.enabled and not (hires.width or hires.height) else 1.0
    width, height = int(width * scale), int(height * scale)
    most = max(ROOM // max(width * height * 3, 1), 1)
    if request.pictures > most:
        what = f"{request.count} x {request.batch_size} = {request.pictures} pictures of {width} x {height} are more than {where} can hold."
        raise InvalidRequest(what, f"Ask for at most {most} at a time.", "count")
