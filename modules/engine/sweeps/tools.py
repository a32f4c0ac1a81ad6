"""What sweeps need of the engine, handed to them as functions and values. Knows no script.

Input pictures of parts go into the blob store without texts: the same pixels are then the same reference, whatever made them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from PIL import Image

from modules import __version__
from modules.core.blobs import Blobs
from modules.core.errors import InvalidRequest
from modules.core.groups.passes import Enlarging
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.core.result import Picture
from modules.core.saving import Saving
from modules.engine.ready import Ready, recorded, unchanged
from modules.imaging.background import flatten
from modules.imaging.opening import opened
from modules.imaging.resize import UPSCALERS, upscale
from modules.infotext import files

UNPLACED = -1
"""Index of a composed picture until the driver counts it among the pictures of the run."""


class Enlarged(NamedTuple):
    """how: the picture was enlarged in the end, where memory was short or half precision overflowed. notes: what the user should know of it."""

    image: Image.Image
    how: Enlarging
    notes: tuple[str, ...] = ()


class NamedUpscaler(NamedTuple):
    """name: as it stands in the list. networks: name and sha256 of its file, empty where it needs none. enlarge(picture, scale): None for "None"."""

    name: str
    networks: dict[str, str]
    enlarge: Callable[[Image.Image, float], Enlarged] | None


def without_file(name: str, field: str, whole: GenerationRequest) -> NamedUpscaler:
    """Raises InvalidRequest."""
    names = {one.casefold(): one for one in UPSCALERS}
    found = names.get(name.strip().casefold())
    if found is None:
        raise InvalidRequest(f"There is no upscaler {name[:80]!r}.", f"Choose one of {', '.join(UPSCALERS)}.", field)
    upscaler = UPSCALERS[found]
    return NamedUpscaler(found, {}, upscaler and (lambda image, scale: Enlarged(upscale(image, scale, upscaler), whole.enlarging)))


@dataclass(frozen=True)
class Tools:
    """resolve: makes a plain request concrete, raising EaselError for what cannot be drawn. store: (picture, name) -> (it with its
    place, notes) saves a composed picture unless the settings say otherwise; name is the basename of a grid, "" for a picture. facts: what beside the request decides the last bits.
    upscaler: (name, field to blame, whole concrete request) -> the upscaler of that name. ready: lets extensions have their turn with a plain request.
    saves: whether this run keeps files. saving: how. passing: references that nobody needs after the run. answers: what extensions made of the pictures so far."""

    blobs: Blobs
    resolve: Callable[[GenerationRequest], GenerationRequest]
    store: Callable[[Picture, str], tuple[Picture, list[str]]]
    facts: Callable[[], Mapping[str, str]]
    upscaler: Callable[[str, str, GenerationRequest], NamedUpscaler] = without_file
    ready: Callable[[GenerationRequest], Ready] = unchanged
    saves: bool = True
    saving: Saving = Saving()
    passing: set[str] = field(default_factory=set)
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def started(self, request: GenerationRequest) -> Image.Image:
        """The start picture, RGB. Raises InvalidRequest when there is none, NotFound when it is gone, BadPicture when it cannot be read."""
        if not request.init.image:
            raise InvalidRequest(f"{request.script.name} works on a start picture, and there is none.", "Give one (img2img).", "init.image")
        return flatten(opened(self.blobs.get(request.init.image, "init.image")), request.init.background)

    def keep(self, image: Image.Image, passing: bool = False) -> str:
        """-> the reference by which a part's request names the picture. passing: the part is material, so its input is forgotten after the run."""
        data = files.encode(image, "")
        if passing and not self.blobs.holds(data):
            self.passing.add(self.blobs.put(data))
        return self.blobs.put(data)

    def forget(self) -> None:
        """What was kept in passing."""
        for reference in self.passing:
            self.blobs.drop(reference)
        self.passing.clear()

    def pixels(self, picture: Picture) -> Image.Image:
        return opened(picture.data).convert("RGB")

    def picture(self, image: Image.Image, request: GenerationRequest, infotext: str, complete: bool = True, place: int = 0) -> Picture:
        """A composed picture (a grid, joined tiles), encoded with its texts. request: the concrete one, script and all, that makes it again as picture
        number `place` of its result. complete: False when a part of it is missing."""
        request = recorded(request, self.answers)
        document = {"easel": __version__, "request": to_dict(request), "facts": dict(self.facts()), "index": place}
        return Picture(files.encode(image, infotext, document), image.width, image.height, request, infotext, UNPLACED, complete=complete)
