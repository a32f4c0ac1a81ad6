"""One resolved request, drawn take by take: what it draws with, and how its pictures are handed out. Saves nothing: whoever asks for the takes does.

Which way it draws is a class of its own: `draw.Drawing`, `wide.Wide`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from modules.catalog.card import Card
from modules.core.blobs import Blobs
from modules.core.options import Looks
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Report
from modules.engine.autoencoders import Autoencoders
from modules.engine.faces import FaceRestorers
from modules.engine.first_passes import FirstPasses
from modules.engine.models import Models
from modules.engine.needs import Need
from modules.engine.previews import Previews
from modules.engine.readings import Readings
from modules.engine.resolve import Shelf
from modules.engine.restoring import Restoring
from modules.engine.upscalers import Upscalers
from modules.engine.warm import Warm
from modules.memory.compiled import Compilations
from modules.memory.device import Machine

Drawn = Callable[[], Picture]
"""Makes a file of what was drawn; it needs no networks, and any thread may do it."""

Made = tuple[list[tuple[Drawn, str]], Cancel]
"""The pictures of a take with what is to be said of each, and whether somebody cancelled."""


class Means(Protocol):
    """What runs draw with and what stays warm between them: the engine."""

    blobs: Blobs
    machine: Machine
    models: Models
    autoencoders: Autoencoders
    networks: Warm
    upscalers: Upscalers
    faces: FaceRestorers
    control_networks: Warm
    previews: Previews
    first_passes: FirstPasses
    compilations: Compilations | None
    readings: Readings

    @property
    def shelf(self) -> Shelf: ...

    def looks(self) -> Looks: ...

    def facts(self) -> dict[str, str]: ...

    def need(self, request: GenerationRequest, card: Card) -> Need | None: ...

    def vectors(self, request: GenerationRequest) -> Mapping[str, Tensor]: ...


@dataclass
class Run(ABC):
    """request: resolved, card: its checkpoint's. keys: further ones for its infotexts. say: takes a sentence that the user should read."""

    means: Means
    request: GenerationRequest
    card: Card
    report: Report
    cancel: Callable[[], Cancel]
    keys: Mapping[str, object]
    say: Callable[[str], None]

    def takes(self) -> Iterator[Made]:
        """Take by take. Raises EaselError, and what torch raises when memory is short beside the drawing. Afterwards everything lies where it was."""
        self.means.models.begin()
        try:
            yield from self._takes()
        finally:
            self.means.models.as_asked()

    @abstractmethod
    def _takes(self) -> Iterator[Made]: ...

    def room(self, placed: Any) -> None:
        """Every network that is not at work leaves the memory. placed: of the model that is; None for none."""
        self.means.models.only(placed)
        self.means.networks.unload()
        self.means.control_networks.unload()

    def restoring(self, told: Callable[[], None]) -> Restoring:
        """told: is told when it begins."""
        return Restoring(self.means.faces, self.means.shelf, self.cancel, told, self.say)
