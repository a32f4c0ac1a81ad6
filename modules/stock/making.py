"""New model files out of those that are here: converted and merged ones, made as tasks, named as AUTOMATIC1111 names them, never over another file."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict

from modules.catalog import header
from modules.catalog.card import Card
from modules.catalog.scan import Library
from modules.catalog.titles import called
from modules.core.errors import InvalidRequest, OutputTrouble, Unsupported
from modules.core.files import replace
from modules.core.params import STRICT, Param
from modules.core.paths import Paths
from modules.engine.names import FORBIDDEN, safe
from modules.networks.merge import Mix, merge
from modules.networks.pickles import converted
from modules.networks.rewriting import Averages, Precision, convert
from modules.stock import recipe
from modules.stock.groups import group_of
from modules.stock.ids import id_of
from modules.stock.relayouts import Layout, relayout
from modules.stock.stock import Stock
from modules.stock.tasks import Task, Tasks

PICKLES = (".ckpt", ".pt", ".pth", ".bin")
RESERVE = 2**28
"""Bytes of a disk that are left free."""
LANE = "disk"


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One file as another. model: its id. name: of the new file, without ending."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    model: Annotated[str, Param("Model", max_length=64)]
    precision: Annotated[Precision, Param("Precision", hint="fp16 is what most cards compute in; bf16 has its range, and fewer digits.")] = "fp16"
    averages: Annotated[Averages, Param("Averaged weights (EMA)", hint="drop: smaller. use: put in place of the plain ones.")] = "drop"
    layout: Annotated[Layout, Param("Layout", hint="Another one keeps precision and weights as they are, to the bit.")] = "as it is"
    name: Annotated[str, Param("Name", max_length=200, hint="Empty: the old name with the precision behind it.")] = ""


@dataclass(frozen=True, kw_only=True)
class Merging:
    """Files as one. a, b, c, vae: ids, "" for none. name: of the new file, without ending."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    a: Annotated[str, Param("Primary model (A)", max_length=64)]
    b: Annotated[str, Param("Secondary model (B)", max_length=64)] = ""
    c: Annotated[str, Param("Tertiary model (C)", max_length=64, hint="Add difference: what is taken away from B.")] = ""
    vae: Annotated[str, Param("Bake in VAE", max_length=64)] = ""
    name: Annotated[str, Param("Custom name", max_length=200, hint="Empty: told by the recipe.")] = ""
    mix: Mix = Mix()


class Making:
    """stock: names the files. paths: where new ones go. Any thread may call anything."""

    def __init__(self, stock: Stock, library: Library, paths: Paths, tasks: Tasks) -> None:
        self._stock, self._library, self._paths, self._tasks = stock, library, paths, tasks

    def convert(self, wish: Conversion, owner: str = "") -> Task:
        """Starts it. Raises EaselError for what can be told at once."""
        if wish.layout != "as it is":
            return self._laid_out(wish, owner)
        card = self._usable(wish.model, "model")
        ending = "" if wish.precision == "as it is" else f"-{wish.precision}"
        plain = f"{card.name}{ending}{'-no-ema' if wish.averages == 'drop' and not ending else ''}"
        target = self._target(card, wish.name, plain)
        _room(target, card.size * (2 if wish.precision == "fp32" else 1))

        def work(task: Task) -> tuple[str, str]:
            source = self._as_safetensors(card, task)
            convert(source, target, lambda share: task.report(share, "Writing"), wish.precision, wish.averages)
            return self._finished(target, [card])

        return self._tasks.start("convert", f"{card.name} → {target.name}", work, owner, LANE)

    def _laid_out(self, wish: Conversion, owner: str) -> Task:
        card = self._stock.card(wish.model)
        folder = wish.layout == "diffusers folder"
        if card.path.is_dir() == folder:
            raise InvalidRequest(f"{card.name} is a {wish.layout} already.", "Choose another layout.", "layout")
        if not card.path.is_dir():
            card = self._usable(wish.model, "model")
        target = self._target(card, wish.name, card.name, "" if folder else ".safetensors")
        _room(target, card.size)

        def work(task: Task) -> tuple[str, str]:
            source = card.path if card.path.is_dir() else self._as_safetensors(card, task)
            task.report(0.0, "Building the networks, to learn their sizes")
            relayout(source, target, lambda share: task.report(share, "Writing"), card.config, card.prediction)
            self._library.refresh()
            return f"{target.name} is in {target.parent}.", id_of(target.resolve())

        return self._tasks.start("convert", f"{card.name} → {target.name}", work, owner, LANE)

    def merge(self, wish: Merging, owner: str = "") -> Task:
        """Starts it. Raises EaselError for what can be told at once."""
        needed = {"Weighted sum": ("a", "b"), "Add difference": ("a", "b", "c"), "No interpolation": ("a",)}[wish.mix.method]
        missing = next((one for one in needed if not getattr(wish, one)), None)
        if missing:
            raise InvalidRequest(f"{wish.mix.method} needs a model {missing.upper()}.", "Choose one.", missing)
        cards = [self._usable(getattr(wish, one), one) for one in needed]
        families = {card.family for card in cards}
        if len(families) > 1:
            told = ", ".join(f"{card.name} is {called(card.architecture) or 'not recognised'}" for card in cards)
            raise InvalidRequest(f"Only models of one family can be merged: {told}.", "Choose others.", "b")
        vae = self._usable(wish.vae, "vae") if wish.vae else None
        target = self._target(cards[0], wish.name, recipe.name_of(wish.mix, [card.name for card in cards], cards[0].variant))
        _room(target, cards[0].size)

        def work(task: Task) -> tuple[str, str]:
            hashed = []
            for card in cards:
                task.report(0.0, f"Computing the hash of {card.name}")
                hashed.append(self._library.hashed(card))
            sources: list[Path | None] = [self._as_safetensors(card, task) for card in hashed]
            a, b, c = (sources + [None, None])[:3]
            assert a is not None
            baked = self._as_safetensors(vae, task) if vae else None
            merge(wish.mix, a, b, c, baked, target, recipe.metadata_of(wish.mix, hashed, vae, wish.name), lambda share: task.report(share, "Merging"))
            return self._finished(target, cards)

        return self._tasks.start("merge", target.stem, work, owner, LANE)

    def _usable(self, id: str, field: str) -> Card:
        card = self._stock.card(id)
        if card.path.is_dir():
            raise Unsupported(f"{card.name} is a folder; only single files can be worked on.", "Choose a single file.", field)
        if card.path.suffix.lower() == ".gguf":
            raise Unsupported(
                f"{card.path.name} is a GGUF file: its numbers are packed in blocks, which are not taken apart.", "Choose a safetensors file.", field
            )
        if card.path.suffix.lower() not in PICKLES:
            header.read(card.path)
        return card

    def _as_safetensors(self, card: Card, task: Task) -> Path:
        if card.path.suffix.lower() not in PICKLES:
            return card.path
        task.report(0.0, f"Reading the pickle {card.path.name} in a process of its own")
        return converted(card.path, self._library.hashed(card).sha256, self._paths.converted)

    def _target(self, card: Card, custom: str, usual: str, ending: str = ".safetensors") -> Path:
        """In the model's own folder where that is ours, else in the folder of its kind; other installations' folders are not written to."""
        own = card.path.parent
        folder = own if own.is_relative_to(self._paths.models) else self._paths.models / group_of(card.kind).folder
        if custom.strip():
            name = safe(FORBIDDEN.sub("_", custom.strip().removesuffix(".safetensors")))
            if not name:
                raise InvalidRequest(f"{custom[:80]!r} is no name for a file.", "Choose another.", "name")
            if (folder / f"{name}{ending}").exists():
                raise InvalidRequest(f"{name}{ending} exists already.", "Choose another name.", "name")
            return folder / f"{name}{ending}"
        usual = safe(FORBIDDEN.sub("_", usual)) or "model"
        names = (f"{usual}{more}{ending}" for more in ("", *(f" ({count})" for count in range(2, 1000))))
        return next(folder / name for name in names if not (folder / name).exists())

    def _finished(self, target: Path, cards: Sequence[Card]) -> tuple[str, str]:
        config = cards[0].config
        if config is not None and not target.with_suffix(".yaml").exists():
            replace(target.with_suffix(".yaml"), config.read_bytes())
        self._library.refresh()
        return f"{target.name} is in {target.parent}.", id_of(target.resolve())


def _room(target: Path, size: int) -> None:
    """Raises OutputTrouble where the disk could not hold the new file."""
    place = next(place for place in target.parents if place.exists())
    free = shutil.disk_usage(place).free
    if free < size + RESERVE:
        what = f"{place} has {free / 1e9:.1f} GB free; the new file may need {size / 1e9:.1f} GB."
        raise OutputTrouble(what, "Free some space, then try again.")
