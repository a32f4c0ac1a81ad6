"""Small networks beside the model that draws (upscalers, face networks), kept warm within one budget. Loads a file through the function that it is given; knows no kind of network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from modules.catalog.card import Card
from modules.memory.cache import ByteCache
from modules.memory.device import Machine
from modules.memory.placement import emptied
from modules.networks import pickles

BUDGET = 2**30
"""Bytes of networks that stay: most upscalers have some 70 MB, face restorers 350."""


class Hashed(Protocol):
    def hashed(self, card: Card) -> Card: ...


class Sized(Protocol):
    @property
    def size(self) -> int:
        """Bytes in memory."""
        ...


N = TypeVar("N", bound=Sized)


@dataclass
class Warm:
    """shelf: the catalog. converted: where safetensors made of pickles are kept."""

    shelf: Hashed
    machine: Machine
    converted: Path
    budget: int = BUDGET
    _held: ByteCache[Any] = field(init=False)

    def __post_init__(self) -> None:
        self._held = ByteCache(self.budget, lambda: emptied(self.machine))

    def loaded(self, card: Card, load: Callable[[Path], N], how: str = "") -> N:
        """The network of a file, from memory where it is still there. load: takes a safetensors file, or a folder where the card is of one. how: what beside the file decides what `load` makes.
        Raises BadModelFile, OutputTrouble, and what `load` raises."""
        card = self.shelf.hashed(card)
        key = f"{card.sha256}|{how}"
        held: N | None = self._held.get(key)
        if held is None:
            self._held.make_room(card.size)
            held = load(pickles.readable(card.path, card.sha256, self.converted))
            self._held.put(key, held, held.size)
        return held

    def held(self, card: Card) -> list[Any]:
        """The networks of a file that are in memory now."""
        return self._held.matching(lambda key: str(key).startswith(f"{self.shelf.hashed(card).sha256}|"))

    @property
    def size(self) -> int:
        """Bytes that are held. Any thread may ask."""
        return self._held.size

    def unload(self) -> None:
        self._held.clear()
