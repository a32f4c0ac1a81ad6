"""How many bytes the networks of a checkpoint take once they are loaded: numbers counted by its headers (`catalog.measures`), times what each of them takes
in the precision and the storage that are asked for. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from modules.catalog.card import Card
from modules.catalog.measures import Measures, measured
from modules.core.errors import EaselError
from modules.core.request import Precision, Storage
from modules.memory.budget import ENCODERS

SDXL = ("sdxl", "sdxl-refiner")
SCALE = 4
"""Bytes of a scale."""
NF4 = 0.5 + SCALE / 64


@dataclass(frozen=True)
class Widths:
    """Bytes of a plain number. network: of what denoises."""

    network: int
    texts: int
    vae: int
    storage: Storage = "full"

    def of(self, part: str) -> int:
        return self.vae if part == "vae" else self.texts if part.startswith(ENCODERS) else self.network


def bytes_of(precision: Precision) -> int:
    """A plain number's, in a concrete precision."""
    return 4 if precision == "fp32" else 2


def concrete(storage: Storage, family: str) -> Storage:
    """What A1111 calls "Enable for SDXL", made concrete."""
    if storage != "fp8 for SDXL":
        return storage
    return "fp8" if family in SDXL else "full"


def sizes(measures: Measures, widths: Widths) -> dict[str, int]:
    """Bytes of each network, by the name of its part. What the file keeps in few bits takes what it takes there."""
    found = {}
    for part, count in measures.parts.items():
        few, size = measures.few.get(part, (0, 0)) if widths.storage != "fp8" else (0, 0)
        found[part] = (count - few) * widths.of(part) + size
    if widths.storage != "full" and "denoiser" in measures.parts:
        found["denoiser"] = _kept(measures, widths)
    return found


def loaded(card: Card, widths: Widths) -> int:
    """Bytes of a checkpoint with the files that it draws with beside itself; the files' own size where their headers cannot be read."""
    return sum(_one(one, role, widths) for role, one in {"": card, **card.companions}.items())


def _one(card: Card, role: str, widths: Widths) -> int:
    try:
        measures = measured(card)
    except (EaselError, OSError):
        return card.size
    if not role:
        return sum(sizes(measures, widths).values())
    plain = widths.vae if role == "vae" else widths.texts
    return sum(sizes(measures, Widths(plain, plain, plain)).values())


def _kept(measures: Measures, widths: Widths) -> int:
    count, (packable, rows) = measures.parts["denoiser"], measures.packable
    if widths.storage == "fp8":
        return count
    few, size = measures.few.get("denoiser", (0, 0))
    packable = max(packable - few, 0)
    packed = NF4 * packable if widths.storage == "nf4" else packable + SCALE * rows
    return int((count - few - packable) * widths.network + size + packed)
