"""Will it fit: what a request needs of memory (`engine.needs`) against what is free, and what `auto` will do about it. Told before anything is loaded; no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from modules.catalog.card import Card
from modules.catalog.measures import Measures
from modules.core.options import DeviceOptions, Placement
from modules.core.request import GenerationRequest
from modules.engine import further
from modules.engine.further import Shelf
from modules.engine.needs import Need, Needs, need
from modules.memory.budget import decided

Verdict = Literal["fits", "adapts", "tight", "too much", "unknown"]
ROOMY = 0.8
"""Of the free memory; what needs less is not worth a word."""
GB = 2**30


@dataclass(frozen=True)
class Room:
    """free: bytes that weights and work may take together, those of models that would be let go of included. gpu: whether it is a GPU's.
    here: checkpoints that are loaded."""

    free: int
    gpu: bool = False
    here: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Fit:
    """needed: bytes in `placement`, of them `weights` of the model. free: bytes. placement: what will be done. tiled: the VAE works in tiles.
    verdict: "fits" with room to spare, "tight", "adapts" where Easel does something about it, "too much" where nothing helps. sentences: the same in words;
    none where there is nothing to say."""

    verdict: Verdict
    needed: int = 0
    weights: int = 0
    free: int = 0
    placement: Placement = "resident"
    tiled: bool = False
    sentences: tuple[str, ...] = ()


def fit(request: GenerationRequest, card: Card, measures: Measures, options: DeviceOptions, room: Room) -> Fit:
    """request: as it is asked for; its size and precision count."""
    return fitted(need(request, card, measures, options, room.gpu), options.placement_of(card.family), room)


def fitted(needed: Need | None, wanted: Placement, room: Room, here: bool = False) -> Fit:
    """The answer for what is needed; None where nothing is known of it. here: the checkpoint is loaded already. Until it is, all of it passes through the machine's
    memory at once, however it lies afterwards; beside a GPU that memory is not what is asked about."""
    if needed is None:
        return Fit("unknown", free=room.free)
    done = decided(wanted, needed.sizes, room.free, needed.work, needed.tiled)
    loading = sum(needed.sizes.values())
    if not room.gpu and not here and done.needed <= room.free < loading:
        return Fit("too much", loading, done.weights, room.free, done.placement, done.tiled, (_numbers(loading, room), LOADING))
    verdict: Verdict = "too much" if done.needed > room.free else "fits"
    if verdict == "fits" and ((wanted == "auto" and done.placement != "resident") or (done.tiled and not needed.tiled)):
        verdict = "adapts"
    elif verdict == "fits" and done.needed > ROOMY * room.free:
        verdict = "tight"
    said = _said(verdict, done.needed, room, done.placement if wanted == "auto" else "resident", done.tiled)
    return Fit(verdict, done.needed, done.weights, room.free, done.placement, done.tiled, said)


WORSE: Mapping[Verdict, int] = {"unknown": 0, "fits": 1, "tight": 2, "adapts": 3, "too much": 4}
LOADING = "While it is being loaded, all of the model is in memory at once, so it will probably not fit: choose a smaller checkpoint, or half precision."
REFINER = "That is while the refiner works."
WAYS: Mapping[Placement, str] = {
    "encoders": "To make it fit, text encoders will leave memory after each prompt.",
    "medvram": "To make it fit, the model will come into memory part by part; that takes a little longer.",
    "group": "To make it fit, the model will come into memory layer by layer; that takes longer.",
}


def _said(verdict: Verdict, needed: int, room: Room, placement: Placement, tiled: bool) -> tuple[str, ...]:
    if verdict not in ("tight", "adapts", "too much"):
        return ()
    numbers = _numbers(needed, room)
    if verdict == "tight":
        return (numbers, "It should just fit.")
    if verdict == "too much":
        return (numbers, "It will probably not fit: make the picture smaller, or choose a smaller checkpoint.")
    ways = [WAYS[placement]] if placement in WAYS else []
    return (numbers, *ways, *(["The VAE will work in tiles."] if tiled else []))


def _numbers(needed: int, room: Room) -> str:
    amount, free = f"{needed / GB:.1f}", f"{room.free / GB:.1f}"
    return f"Needs about {amount} GB of the GPU's memory; {free} GB are free." if room.gpu else f"Needs about {amount} GB of memory; {free} GB are free."


class Fitting:
    """Answers for one running Easel. options: how it was started. room: what is free now. shelf: the catalog; None: only the checkpoint counts.
    Any thread may ask."""

    def __init__(self, options: DeviceOptions, room: Callable[[], Room], shelf: Shelf | None = None) -> None:
        self._options, self._room, self._shelf = options, room, shelf
        self._needs = Needs(options, shelf)

    def of(self, request: GenerationRequest, card: Card) -> Fit:
        """Of the checkpoint or of its refiner, whichever is worse: one is at work at a time. Never raises: of a file that cannot be read nothing is said here."""
        room = self._room()
        found = self._one(request, card, room)
        refiner = further.refiner(request, self._shelf) if self._shelf and found.verdict != "unknown" else None
        if refiner is None:
            return found
        second = self._one(request, refiner, room)
        if (WORSE[second.verdict], second.needed) <= (WORSE[found.verdict], found.needed):
            return found
        return replace(second, sentences=(*second.sentences, REFINER)) if second.sentences and second.verdict != found.verdict else second

    def _one(self, request: GenerationRequest, card: Card, room: Room) -> Fit:
        """Networks beside the checkpoint are named where they are why."""
        needed, wanted = self._needs.of(request, card, room.gpu), self._options.placement_of(card.family)
        found = fitted(needed, wanted, room, card.path in room.here)
        if needed is None or not needed.work.beside or not found.sentences:
            return found
        without = fitted(replace(needed, work=replace(needed.work, beside=0)), wanted, room, card.path in room.here)
        if (without.verdict, without.placement, without.tiled) == (found.verdict, found.placement, found.tiled):
            return found
        numbers, *rest = found.sentences
        return replace(found, sentences=(numbers, f"Of it, {needed.work.beside / GB:.1f} GB are for networks beside the checkpoint.", *rest))
