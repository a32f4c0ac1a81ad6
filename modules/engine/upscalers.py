"""Upscalers at work: a name of the list -> a function from picture to larger picture, with progress, and an end whenever somebody asks for it.

Knows no page; which names there are is `engine.upscaler_names`' matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image

from modules.core.errors import InvalidRequest
from modules.core.groups.passes import Enlarging
from modules.core.request import GenerationRequest, Precision
from modules.core.result import Cancel
from modules.engine.features.watch import Stopped
from modules.engine.upscaler_names import Upscaling
from modules.engine.warm import Warm
from modules.imaging.opening import LARGEST
from modules.imaging.resize import UPSCALERS, Upscaler
from modules.memory.device import DTYPES
from modules.networks import upscalers

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
    networks: Warm

    def function(self, found: Upscaling, how: Enlarging, precision: Precision, watched: Watched = Watched()) -> Upscaler | None:
        """None for the upscaler "None". The function raises Stopped when somebody cancels, InvalidRequest for a result that no memory would hold, NotNumbers,
        and what `loaded` raises."""
        if found.card is None:
            return UPSCALERS[found.name]

        def enlarge(image: Image.Image, scale: float) -> Image.Image:
            network = self.loaded(found, "fp32" if how.full else precision)
            sides = image.width * network.scale, image.height * network.scale
            if max(sides) > LARGEST or sides[0] * sides[1] > MOST:
                what = f"{found.name} would make {sides[0]} x {sides[1]} pixels on the way; at most {LARGEST} a side are made."
                raise InvalidRequest(what, "Enlarge less, or take an upscaler with a smaller factor.", "upscaler")
            return network.enlarge(image, how.tile, how.overlap, watched.told, pause(watched.cancel))

        return enlarge

    def loaded(self, found: Upscaling, precision: Precision) -> upscalers.Upscaler:
        """The network, from memory where it is still there. Raises BadModelFile, Unsupported, OutputTrouble."""
        assert found.card is not None
        load = partial(upscalers.load, device=self.networks.machine.device, dtype=DTYPES[precision], name=found.card.path.name)
        return self.networks.loaded(found.card, load, precision)


def asked(known: Upscalers, found: Upscaling, watched: Watched, request: GenerationRequest) -> Upscaler | None:
    """`function`, as a request has it."""
    return known.function(found, request.enlarging, request.precision, watched)


def pause(cancel: Callable[[], Cancel]) -> Callable[[], None]:
    """What a network calls between its layers: raises Stopped soon after somebody cancelled."""
    due = 0.0

    def look() -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + GLANCE
            if (how := cancel()) is not Cancel.NONE:
                raise Stopped(how, None)

    return look
