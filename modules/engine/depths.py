"""Depth of a picture by a network from models/annotators: for control units, and for a checkpoint that draws after depth and is given a picture without a map."""

from __future__ import annotations

from typing import Protocol

from PIL import Image

from modules.catalog.card import Card
from modules.core.request import GenerationRequest
from modules.engine.warm import Warm
from modules.networks import depth


class Shelf(Protocol):
    """What finding asks of the catalog."""

    def named(self, group: str, name: str, sha256: str = "", field: str = "") -> Card: ...


def seen(card: Card, image: Image.Image, networks: Warm) -> Image.Image:
    """The map of a picture, as large as it. Raises BadModelFile."""
    device = networks.machine.device
    return networks.loaded(card, lambda path: depth.load(path, device), f"depth|{device}").map(image)


def estimated(request: GenerationRequest, image: Image.Image, shelf: Shelf, networks: Warm) -> Image.Image | None:
    """The map of a start picture, by the network that the resolved request names; None where it names none. Raises NotFound, BadModelFile."""
    for name, sha256 in request.companions.items():
        return seen(shelf.named("annotator", name, sha256, "companions"), image, networks)
    return None
