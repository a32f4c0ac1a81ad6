"""The depth map for a checkpoint that draws after depth and is given a picture without one: by a network from models/annotators."""

from __future__ import annotations

from typing import Protocol

from PIL import Image

from modules.catalog.card import Card
from modules.core.request import GenerationRequest
from modules.engine import annotating
from modules.engine.warm import Warm


class Shelf(Protocol):
    """What finding asks of the catalog."""

    def named(self, group: str, name: str, sha256: str = "", field: str = "") -> Card: ...


def estimated(request: GenerationRequest, image: Image.Image, shelf: Shelf, networks: Warm) -> Image.Image | None:
    """The map of a start picture, by the network that the resolved request names; None where it names none. Raises NotFound, BadModelFile."""
    for name, sha256 in request.companions.items():
        return annotating.seen(shelf.named("annotator", name, sha256, "companions"), "none", image, networks)
    return None
