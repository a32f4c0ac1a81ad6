"""Tiles of a request's size over a picture, as many as can be meant. The cutting and joining is `imaging.tiles`."""

from __future__ import annotations

from modules.core.errors import InvalidRequest
from modules.core.request import GenerationRequest
from modules.imaging.tiles import Tiles

MOST = 4096
"""Tiles."""


def tiled(size: tuple[int, int], request: GenerationRequest, overlap: int, script: str, argument: str) -> Tiles:
    """Raises InvalidRequest, for the argument that is the overlap, when there is no such tiling or one of too many tiles."""
    field = f"script.args.{argument}"
    try:
        tiles = Tiles(*size, request.width, request.height, overlap)
    except InvalidRequest as error:
        raise InvalidRequest(f"{script}: {error.what}", error.remedy, field) from None
    if size[0] * size[1] > MOST * (request.width - overlap) * (request.height - overlap):
        what = f"{script}: {size[0]} x {size[1]} pixels in tiles of {request.width} x {request.height} that overlap by {overlap} are more than {MOST} tiles."
        raise InvalidRequest(what, "Give larger tiles (width and height) or a smaller overlap.", field)
    return tiles
