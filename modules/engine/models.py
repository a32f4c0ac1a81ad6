"""Loaded models: read, put where they run, kept warm within a budget of bytes. Knows no request but its precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, get_args

import psutil
import torch

from modules.catalog.card import Card
from modules.core.errors import OutputTrouble
from modules.core.options import DeviceOptions, Placement
from modules.core.request import Precision, Storage
from modules.engine import sizes
from modules.engine.needs import Need
from modules.engine.sizes import Widths
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Family, Model
from modules.memory.budget import Work, decided, held, resting
from modules.memory.cache import ByteCache
from modules.memory.device import DTYPES, Machine, is_out_of_memory
from modules.memory.packing import pack
from modules.memory.placement import Placed, emptied, place, size_of
from modules.networks import pickles

Asked = Callable[[Card], Need | None]
"""What a request needs with a checkpoint; None where that is not known."""


class Beside(Protocol):
    """Networks that stay warm beside models."""

    @property
    def size(self) -> int:
        """Bytes in memory."""
        ...

    def unload(self) -> None: ...


@dataclass
class Loaded:
    """placed: where its networks lie; it lives as long as the model."""

    family: Family
    model: Model
    placed: Placed


@dataclass
class Models:
    """converted: where checkpoints lie that came as pickles and became safetensors; and where weights wait for which memory has no room.
    beside: what is let go of like other models, where a run needs the memory."""

    machine: Machine
    options: DeviceOptions
    converted: Path
    beside: Sequence[Beside] = ()
    _held: ByteCache[Loaded] = field(init=False)
    _placement: Placement | None = field(default=None, init=False)
    _moved: dict[int, tuple[Placed, Placement | None]] = field(default_factory=dict, init=False)
    _decided: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._held = ByteCache(budget(self.machine, self.options), lambda: emptied(self.machine))

    def load(self, card: Card, precision: Precision, storage: Storage = "full", texts: Precision = "auto", asked: Asked = lambda card: None) -> Loaded:
        """From memory where it is still there; it lies as memory suffices for what is asked, which is looked at once in each run.
        precision, storage: concrete. texts: of the text encoders; "auto": as the rest.
        Raises BadModelFile, Unsupported, OutputTrouble, and whatever torch raises when memory is short."""
        texts = precision if texts == "auto" else texts
        key = known_by(card, precision, storage, texts)
        found = self._held.get(key)
        if found is None:
            found = self._read(self._readable(card), precision, storage, texts, asked)
            self._held.put(key, found, weight(found.model))
        elif self._placement is None and key not in self._decided and not found.placed.held:
            self._settle(found, asked(found.model.card))
        self._decided.add(key)
        return found

    def _read(self, card: Card, precision: Precision, storage: Storage, texts: Precision, asked: Asked) -> Loaded:
        vae = self.machine.vae_dtype(precision)
        self._held.make_room(sizes.loaded(card, Widths(DTYPES[precision].itemsize, DTYPES[texts].itemsize, vae.itemsize, storage)))
        family, need = FAMILIES_BY_NAME[card.family], asked(card)
        wanted = self._asked(card)
        where = self._place_for(wanted, need) if need else wanted
        with torch.inference_mode(False):  # weights moved inside it could never be adapted or trained later
            model = family.load(card, self.machine.device, DTYPES[precision], vae, DTYPES[texts], storage)
            if storage == "fp8":
                pack(model.parts, DTYPES[precision])
            found = Loaded(family, model, place(model.parts, replace(self.options, placement=where), self.machine, self.converted))
        if self._placement:
            self._moved[id(found.placed)] = (found.placed, None)
        return found

    def _settle(self, found: Loaded, need: Need | None) -> None:
        """A model that is loaded lies from now on as memory suffices for this. Raises OutputTrouble, and what torch raises when memory is short."""
        where = self._place_for(self._asked(found.model.card), need or Need(found.placed.sizes, Work()), found)
        try:
            found.placed.move(where)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                self.drop(found.placed)
            raise

    def _place_for(self, wanted: Placement, need: Need, own: Loaded | None = None) -> Placement:
        """Where a model is to lie; what else is in memory is let go of where it must be for that. own: the model, where it is loaded."""
        free = self.free()
        found = decided(wanted, need.sizes, free, need.work, need.tiled)
        others = sum(one.size for one in self.beside) + sum(_resting(one) for one in self._held.values if one is not own)
        if others and found.needed > free - others:
            for one in self.beside:
                one.unload()
            self._held.only(lambda loaded: loaded is own)
        return found.placement

    def _asked(self, card: Card) -> Placement:
        return self._placement or self.options.placement_of(card.family)

    def begin(self) -> None:
        """A run begins: models will lie as memory suffices for it."""
        self._decided.clear()

    def free(self) -> int:
        """Bytes that weights and work of a run may take together where the work is: all that is loaded there would be let go of for it. Any thread may ask."""
        return self.machine.free() + sum(one.size for one in self.beside) + sum(_resting(one) for one in self._held.values)

    @property
    def here(self) -> tuple[Path, ...]:
        """Checkpoints that are loaded. Any thread may ask."""
        return tuple(loaded.model.card.path for loaded in self._held.values)

    def left(self, placed: Placed) -> int:
        """Of them, bytes that its weights leave."""
        return self.free() - held(placed.where, placed.sizes)

    def _readable(self, card: Card) -> Card:
        """A pickle is read by a child process, once, and never again. Raises BadModelFile, OutputTrouble."""
        path = pickles.readable(card.path, card.sha256, self.converted, pickles.LARGEST_CHECKPOINT)
        return card if path == card.path else replace(card, converted=path)

    @property
    def held(self) -> int:
        """Bytes of the models that are loaded."""
        return self._held.size

    def only(self, placed: Placed | None) -> None:
        """Lets go of every model but the one that is placed so; of all for None."""
        self._held.only(lambda loaded: loaded.placed is placed)

    def drop(self, placed: Placed) -> None:
        """Lets go of a model; it is read again when it is asked for."""
        self._held.only(lambda loaded: loaded.placed is not placed)

    def frugal(self, placed: Placed | None) -> Placement | None:
        """-> the next placement that holds less where the work is: of a model that is loaded, and of all that will be until `as_asked`. None where there is none,
        and for one that is held where it lies."""
        asked = self._placement or self.options.placement
        now = placed.where if placed else "resident" if asked == "auto" else asked
        order = get_args(Placement)
        to = next(iter(order[order.index(now) + 1 :]), None)
        if to is None or placed and (placed.held or not self._moved_to(placed, to)):
            return None
        self._placement = to
        return to

    def as_asked(self) -> None:
        """What `frugal` put elsewhere goes back to where it was. What was loaded since is read again when it is asked for."""
        moved, self._moved, self._placement = self._moved, {}, None
        self._decided.clear()
        for placed, where in moved.values():
            if where is None:
                self.drop(placed)
            else:
                self._moved_to(placed, where)
        self._moved = {}

    def _moved_to(self, placed: Placed, to: Placement) -> bool:
        """Whether there is room for what waits. A model for which memory was short halfway is dropped."""
        self._moved.setdefault(id(placed), (placed, placed.where))
        try:
            placed.move(to)
        except OutputTrouble:
            return False
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self.drop(placed)
        return True

    def unload(self) -> None:
        """Lets go of every model."""
        self._held.clear()


def _resting(loaded: Loaded) -> int:
    return resting(loaded.placed.where, loaded.placed.sizes)


def known_by(card: Card, precision: Precision, storage: Storage, texts: Precision) -> str:
    """Equal only for what loads as the same weights."""
    return "|".join((str(card.path), card.sha256, precision, storage, texts, *(one.sha256 for one in card.companions.values())))


def budget(machine: Machine, options: DeviceOptions) -> int:
    """Bytes that models may hold together: of the card's memory when they stay on it, else of the machine's."""
    if machine.device.startswith("cuda") and options.placement in ("auto", "resident"):
        return int(torch.cuda.get_device_properties(machine.device).total_memory * 0.6)
    return int(psutil.virtual_memory().total // 4)


def weight(model: Model) -> int:
    """Bytes of its networks."""
    return sum(size_of(part) for part in model.parts.values() if isinstance(part, torch.nn.Module))
