"""Control maps by a network from models/annotators: which file of code makes them, kept warm, and what a preprocessor makes of its network's map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from PIL import Image

from modules.catalog.annotators import DEPTH, SEGMENTS
from modules.catalog.card import Card
from modules.core.control import ControlUnit
from modules.engine import control_files
from modules.engine.warm import Warm
from modules.imaging.annotators import finished
from modules.networks import depth, line_maps, openpose, segmentation, vitpose


class Annotator(Protocol):
    @property
    def size(self) -> int:
        """Bytes in memory."""
        ...

    def map(self, image: Image.Image) -> Image.Image:
        """RGB -> RGB of the same size. Raises BadModelFile."""


Load = Callable[[Path, Card, str], Annotator]
"""(a safetensors file or a folder, the card of what the user has, device) -> the network."""
LOADERS: Mapping[str, Load] = {
    **dict.fromkeys(DEPTH, lambda path, card, device: depth.load(path, device)),
    **dict.fromkeys(SEGMENTS, lambda path, card, device: segmentation.load(path, device)),
    **dict.fromkeys(line_maps.KINDS, lambda path, card, device: line_maps.load(path, card.architecture, device, card.path.name)),
    "vitpose": lambda path, card, device: vitpose.load(path, device),
    "openpose-body": lambda path, card, device: openpose.load(path, device, card.path.name),
}
"""By the architecture of a card."""


def seen(card: Card, module: str, image: Image.Image, networks: Warm) -> Image.Image:
    """The map of a picture, as large as it, as this preprocessor has it. Raises BadModelFile, OutputTrouble."""
    device = networks.machine.device
    network = networks.loaded(card, lambda path: LOADERS[card.architecture](path, card, device), f"map|{device}")
    return finished(module, network.map(image))


def annotated(unit: ControlUnit, image: Image.Image, shelf: control_files.Shelf, networks: Warm) -> Image.Image:
    """The map of a picture by a unit's learned preprocessor; the picture itself where it needs no network. Raises NotFound, InvalidRequest, BadModelFile."""
    record = control_files.module_of(1, unit.module)
    card = control_files.annotator_of(1, unit, record, shelf)
    return image if card is None else seen(card, record.name, image, networks)
