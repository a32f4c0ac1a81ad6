"""Loaded models: read, put where they run, kept warm within a budget of bytes. Knows no request but its precision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import torch

from modules.catalog.card import Card
from modules.core.options import DeviceOptions
from modules.core.request import Precision, Storage
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Family, Model
from modules.memory.cache import ByteCache
from modules.memory.device import DTYPES, Machine
from modules.memory.packing import pack
from modules.memory.placement import Placed, emptied, place
from modules.networks import pickles


@dataclass
class Loaded:
    """placed: where its networks lie; it lives as long as the model."""

    family: Family
    model: Model
    placed: Placed


@dataclass
class Models:
    """converted: where checkpoints lie that came as pickles and became safetensors; and where weights wait for which memory has no room."""

    machine: Machine
    options: DeviceOptions
    converted: Path
    _held: ByteCache[Loaded] = field(init=False)

    def __post_init__(self) -> None:
        self._held = ByteCache(budget(self.machine, self.options), lambda: emptied(self.machine))

    def load(self, card: Card, precision: Precision, storage: Storage = "full") -> Loaded:
        """From memory where it is still there. Raises BadModelFile, Unsupported, and whatever torch raises when memory is short."""
        key = known_by(card, precision, storage)
        held = self._held.get(key)
        if held is None:
            self._held.make_room(card.size + sum(one.size for one in card.companions.values()))
            family = FAMILIES_BY_NAME[card.family]
            with torch.inference_mode(False):  # weights moved inside it could never be adapted or trained later
                model = family.load(self._readable(card), self.machine.device, DTYPES[precision], self.machine.vae_dtype(precision))
                if storage == "fp8":
                    pack(model.parts, DTYPES[precision])
                held = Loaded(family, model, place(model.parts, self.options, self.machine, self.converted))
            self._held.put(key, held, weight(model))
        return held

    def _readable(self, card: Card) -> Card:
        """A pickle is read by a child process, once, and never again. Raises BadModelFile, OutputTrouble."""
        path = pickles.readable(card.path, card.sha256, self.converted, pickles.LARGEST_CHECKPOINT)
        return card if path == card.path else replace(card, converted=path)

    @property
    def held(self) -> int:
        """Bytes of the models that are loaded."""
        return self._held.size

    def unload(self) -> None:
        """Lets go of every model."""
        self._held.clear()


def known_by(card: Card, precision: Precision, storage: Storage) -> str:
    """Equal only for what loads as the same weights."""
    return "|".join((str(card.path), card.sha256, precision, storage, *(one.sha256 for one in card.companions.values())))


def budget(machine: Machine, options: DeviceOptions) -> int:
    """Bytes that models may hold together: of the card's memory when they stay on it, else of the machine's."""
    if machine.device.startswith("cuda") and options.placement in ("auto", "resident"):
        return int(torch.cuda.get_device_properties(machine.device).total_memory * 0.6)
    return int(psutil.virtual_memory().total // 4)


def weight(model: Model) -> int:
    """Bytes of its networks' parameters."""
    networks = [part for part in model.parts.values() if isinstance(part, torch.nn.Module)]
    return sum(tensor.nbytes for network in networks for tensor in network.parameters())
