"""Upscalers at work: a name of the list -> a function from picture to larger picture, with progress, and an end whenever somebody asks for it.

Networks are kept warm within a budget. Knows no face; which names there are is `engine.upscaler_names`' matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from modules.core.errors import InvalidRequest
from modules.core.request import Enlarging, Precision
from modules.core.result import Cancel
from modules.engine.features.watch import Stopped
from modules.engine.upscaler_names import Shelf, Upscaling
from modules.imaging.opening import LARGEST
from modules.imaging.resize import UPSCALERS, Upscaler
from modules.memory.cache import ByteCache
from modules.memory.device import DTYPES, Machine
from modules.memory.placement import emptied
from modules.networks import pickles, upscalers

BUDGET = 2**30
"""Bytes of networks that stay; most have some 70 MB."""
MOST = 2**28
"""Pixels of a picture on its way: 16384 x 16384."""
GLANCE = 0.02
"""Seconds between two looks whether somebody cancelled: there are hundreds of layers in a second."""


@dataclass(frozen=True)
class Watched:
    """told(pieces, of): takes the progress. cancel: asked between layers."""

    told: Callable[[int, int], None] = lambda pieces, of: None
    cancel: Callable[[], Cancel] = lambda: Cancel.NONE


@dataclass
class Upscalers:
    """shelf: the catalog. converted: where safetensors made of pickles are kept."""

    shelf: Shelf
    machine: Machine
    converted: Path
    _held: ByteCache[upscalers.Upscaler] = field(init=False)

    def __post_init__(self) -> None:
        self._held = ByteCache(BUDGET, lambda: emptied(self.machine))

    def function(self, found: Upscaling, how: Enlarging, precision: Precision, watched: Watched = Watched()) -> Upscaler | None:
        """None for the upscaler "None". The function raises Stopped when somebody cancels, InvalidRequest for a result that no memory would hold,
        and what `loaded` raises."""
        if found.card is None:
            return UPSCALERS[found.name]

        def enlarge(image: Image.Image, scale: float) -> Image.Image:
            network = self.loaded(found, precision)
            sides = image.width * network.scale, image.height * network.scale
            if max(sides) > LARGEST or sides[0] * sides[1] > MOST:
                what = f"{found.name} would make {sides[0]} x {sides[1]} pixels on the way; at most {LARGEST} a side are made."
                raise InvalidRequest(what, "Enlarge less, or take an upscaler with a smaller factor.", "upscaler")
            return network.enlarge(image, how.tile, how.overlap, watched.told, _pause(watched.cancel))

        return enlarge

    def loaded(self, found: Upscaling, precision: Precision) -> upscalers.Upscaler:
        """The network, from memory where it is still there. Raises BadModelFile, Unsupported, OutputTrouble."""
        assert found.card is not None
        card = self.shelf.hashed(found.card)
        key = f"{card.sha256}|{precision}"
        held = self._held.get(key)
        if held is None:
            self._held.make_room(card.size)
            path = card.path if card.path.suffix.lower() == ".safetensors" else pickles.converted(card.path, card.sha256, self.converted)
            held = upscalers.load(path, self.machine.device, DTYPES[precision], card.path.name)
            self._held.put(key, held, held.size)
        return held

    def unload(self) -> None:
        self._held.clear()


def _pause(cancel: Callable[[], Cancel]) -> Callable[[], None]:
    due = 0.0

    def pause() -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + GLANCE
            if (how := cancel()) is not Cancel.NONE:
                raise Stopped(how, None)

    return pause
