"""Request -> pictures: resolved, driven by its script, drawn (`engine.draw`), saved. Runs in the worker's thread, one request at a time. Knows no face."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from modules import __version__
from modules.catalog.card import Card
from modules.core.blobs import Blobs
from modules.core.control import ControlUnit
from modules.core.errors import OutOfMemory, OutputTrouble
from modules.core.extras import ExtrasRequest
from modules.core.making import Later, Making, at_once, failed_already, finished
from modules.core.options import DeviceOptions, Looks
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Kept, Picture, Progress, Report, Result, digest
from modules.core.saving import Saving
from modules.engine import annotating, inversions, loras, upscaler_names
from modules.engine.autoencoders import Autoencoders
from modules.engine.controls import BUDGET as CONTROL_BUDGET
from modules.engine.draw import Drawing
from modules.engine.extras import Extras
from modules.engine.extras_names import ExtrasShelf
from modules.engine.extras_steps import Steps
from modules.engine.faces import FaceRestorers
from modules.engine.features.watch import Stopped
from modules.engine.first_passes import FirstPasses
from modules.engine.fitting import Room
from modules.engine.healing import Healing
from modules.engine.keep import Keeper
from modules.engine.models import Models
from modules.engine.needs import Need, Needs
from modules.engine.outpaint import sized
from modules.engine.previews import Previews
from modules.engine.readings import Readings
from modules.engine.ready import Prepare, Ready, ready
from modules.engine.resolve import Shelf, drawn, resolve
from modules.engine.run import Drawn
from modules.engine.save import Saver
from modules.engine.sweep import conduct
from modules.engine.sweeps.tools import Enlarged, NamedUpscaler, Tools
from modules.engine.tell import left_out, told
from modules.engine.texts import styled
from modules.engine.upscalers import Upscalers, Watched, asked
from modules.engine.warm import Warm
from modules.engine.weighing import weigh
from modules.engine.wide import Wide
from modules.imaging.resize import upscale
from modules.memory.compiled import Compilations
from modules.memory.device import Machine, find, is_out_of_memory
from modules.memory.ladder import REMEDY
from modules.memory.placement import rest
from modules.prompt.styles import Style

VERSIONED = ("torch", "diffusers", "transformers", "compel", "pillow")


class Catalog(Shelf, ExtrasShelf, Protocol):
    """What the engine asks of the catalog."""


@dataclass
class Engine:
    """The runner that `jobs` drives. shelf: the catalog. outputs: where pictures go. blobs: where the pictures lie that requests refer to.
    styles: by name. saving: how pictures become files, with a job's own values laid over. kept: by `core.result.digest`, a picture of an earlier run.
    note: is told the infotext of what is begun. prepare: the extensions' turn with the request of each picture. converted: where pickles lie that became
    safetensors; beside the blobs when it is left out. others: who runs further kinds of requests, by their types."""

    shelf: Catalog
    outputs: Saver
    blobs: Blobs
    options: DeviceOptions = field(default_factory=DeviceOptions)
    looks: Callable[[], Looks] = Looks
    styles: Callable[[], Mapping[str, Style]] = dict
    saving: Callable[[Mapping[str, Any]], Saving] = lambda values: with_values(Saving(), values)
    kept: Callable[[str], Kept | None] = lambda digest: None
    note: Callable[[str], None] = lambda infotext: None
    prepare: Prepare = lambda request, note: request
    converted: Path = Path()
    others: dict[type, Callable[..., Result]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.converted == Path():
            self.converted = Paths(data=self.blobs.folder.parent).converted
        self.machine: Machine = find(self.options)
        self.networks = Warm(self.shelf, self.machine, self.converted)
        self.upscalers = Upscalers(self.networks)
        self.faces = FaceRestorers(self.networks)
        self.control_networks = Warm(self.shelf, self.machine, self.converted, CONTROL_BUDGET)
        self.models = Models(self.machine, self.options, self.converted, (self.networks, self.control_networks))
        self.needs = Needs(self.options, self.shelf)
        self.autoencoders = Autoencoders(self.networks, self.options)
        self.previews = Previews(self.shelf, self.networks)
        self.first_passes = FirstPasses()
        self.compilations = Compilations() if self.options.compile else None
        self.readings = Readings()
        steps = Steps(self.shelf, self.upscalers, self.faces)
        self.extras = Extras(steps, self.machine, self.blobs, self.outputs, self.saving, self.facts, self.unload)

    def facts(self) -> dict[str, str]:
        """What beside the request decides the last bits: versions and machine."""
        return dict(self._facts)

    @cached_property
    def _facts(self) -> dict[str, str]:
        versions = {name: importlib.metadata.version(name) for name in VERSIONED}
        return {"easel": __version__, **versions, **self.machine.facts()}

    def warm(self, model: str = "") -> str:
        """Loads a model, or the default one, so that the first picture need not wait. -> its name."""
        request, card = self._resolved(GenerationRequest(model=model))
        self.models.load(card, request.precision, request.storage, request.text_precision, partial(self.need, request))
        return card.name

    def room(self) -> Room:
        """What a run may take of memory: models that are loaded would be let go of for it. Any thread may ask."""
        return Room(self.models.free(), self._gpu, self.models.here)

    def need(self, request: GenerationRequest, card: Card) -> Need | None:
        """What it needs of memory with a checkpoint; None where that is not known."""
        return self.needs.of(request, card, self._gpu)

    @property
    def _gpu(self) -> bool:
        return self.machine.device.startswith("cuda")

    def unload(self) -> None:
        """Lets go of every model."""
        self.models.unload()
        self.networks.unload()
        self.control_networks.unload()
        self.readings.clear()

    @torch.inference_mode()
    def weigh(self, request: GenerationRequest) -> Mapping[str, Any]:
        """How its prompts are read and what their weights do (`engine.anatomy`), as plain data. Without LoRAs. Raises EaselError."""
        request, card = self._resolved(request)
        loaded = self.models.load(card, request.precision, request.storage, request.text_precision, partial(self.need, request))
        try:
            return asdict(weigh(loaded.family, loaded.model, request, self.vectors(request)))
        finally:
            rest(loaded.placed)

    def annotate(self, unit: ControlUnit, image: Image.Image) -> Image.Image:
        """The map of a picture by the learned preprocessor of a control unit (`engine.annotating`). Raises EaselError."""
        return annotating.annotated(unit, image, self.shelf, self.control_networks)

    def run(
        self, request: Any, report: Report, cancel: Callable[[], Cancel], save: bool = True, saving: Mapping[str, Any] | None = None, user: str = ""
    ) -> Result:
        """`making`, all of it in this thread."""
        return finished(self.making(request, report, cancel, save, saving, user, at_once))

    def making(
        self, request: Any, report: Report, cancel: Callable[[], Cancel], save: bool, saving: Mapping[str, Any] | None, user: str, later: Later
    ) -> Making:
        """Makes the pictures of a request, of any kind. Each is reported as soon as it is safe on the disk. Raises EaselError; pictures already reported stay.
        later: where they are encoded and saved."""
        if isinstance(request, GenerationRequest):
            return (yield from self._generate(request, report, cancel, save, saving, user, later))
        runs: Mapping[type, Callable[..., Result]] = {ExtrasRequest: self.extras.run, **self.others}
        return runs[type(request)](request, report, cancel, save, saving, user)

    def _generate(
        self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, saving: Mapping[str, Any] | None, user: str, later: Later
    ) -> Making:
        keeper = Keeper(self.outputs, self.saving(saving or {}), request, user)
        tools = Tools(
            self.blobs,
            lambda wish: self._resolved(wish)[0],
            keeper.composed,
            self.facts,
            upscaler=partial(self._named_upscaler, report, cancel),
            ready=self._ready,
            saving=keeper.saving,
        )
        try:
            return (yield from conduct(request, partial(self._part, keeper, later), tools, report, cancel, save, self._recalled))
        except Stopped as stop:  # while a script enlarged its start picture: nothing was drawn yet
            return Result(request, cancelled=stop.how, facts=self.facts())

    def _recalled(self, request: GenerationRequest) -> Result | None:
        request, _ = self._resolved(request)
        pictures: list[Picture] = []
        for index in range(request.pictures):
            one = single(request, index)
            key = digest(one, self.facts())
            kept = self.kept(key)
            if kept is None:
                return None
            pictures.append(Picture(b"", kept.width, kept.height, one, kept.infotext, index, kept.path, digest=key))
        return Result(request, tuple(pictures), facts=self.facts())

    def _named_upscaler(self, report: Report, cancel: Callable[[], Cancel], name: str, place: str, whole: GenerationRequest) -> NamedUpscaler:
        """What a script names under the dotted field `place`. whole: concrete, with the hashes that were recorded."""
        found = upscaler_names.find(name, self.shelf, place, sha256=whole.enlarging.networks.get(name, ""))
        watched = Watched(lambda pieces, of: report(Progress("upscaling", 0, whole.pictures, pieces, of)), cancel)
        networks = upscaler_names.recorded(found, self.shelf)
        notes: list[str] = []
        healing = Healing(
            replace(whole, enlarging=upscaler_names.with_network(whole.enlarging, networks)), self.unload, device=self.machine.device, say=notes.append
        )
        upscaler = healing.enlarging(partial(asked, self.upscalers, found, watched))
        if upscaler is None:
            return NamedUpscaler(found.name, networks, None)

        def enlarge(image: Image.Image, scale: float) -> Enlarged:
            larger = healing.whole(lambda: upscale(image, scale, upscaler))
            return Enlarged(larger, healing.request.enlarging, tuple(notes))

        return NamedUpscaler(found.name, networks, enlarge)

    def _resolved(self, request: GenerationRequest) -> tuple[GenerationRequest, Card]:
        return resolve(sized(request, self.blobs), self.shelf, self.machine.precision, self.styles, self.machine.text_precision)

    def _ready(self, request: GenerationRequest) -> Ready:
        return ready(request, lambda wish: drawn(styled(wish, self.styles)), self.prepare)

    @torch.inference_mode()
    def _part(
        self, keeper: Keeper, later: Later, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, keys: Mapping[str, object]
    ) -> Making:
        """One request without a script. keys: further ones for its infotexts."""
        began = time.monotonic()
        report(Progress("loading", 0, request.pictures))
        request, card = self._resolved(request)
        kept: list[Future[tuple[Picture, list[str]]]] = []
        notes, stopped, failure = (
            [*left_out(request), *loras.missing(request, self.shelf), *inversions.of_others(request, card, self.shelf.embeddings())],
            Cancel.NONE,
            None,
        )
        noted = later(partial(self._noted, single(request, 0), card, keys)) if save else at_once(list)
        try:
            way = Wide if card.family == "pipeline" else Drawing
            for made, how in way(self, request, card, report, cancel, keys, notes.append).takes():
                for drawn, note in made:
                    notes += [note] if note else []
                    kept.append(later(partial(_kept, keeper if save else None, request, drawn, report)))
                failed_already(kept)  # nobody wants more pictures that cannot be saved
                stopped = how if how is not Cancel.NONE else stopped
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            failure = OutOfMemory(f"The {self.machine.device} ran out of memory at {request.width} x {request.height}.", REMEDY)
        if failure is not None:  # raised outside the except block: inside, the traceback would keep the tensors alive
            self.models.unload()
            raise failure
        yield
        pictures, said = zip(*(one.result() for one in kept), strict=True) if kept else ((), ())
        notes += [*noted.result(), *chain(*said)]
        return Result(request, tuple(pictures), tuple(dict.fromkeys(notes)), time.monotonic() - began, stopped, self.facts())

    def _noted(self, request: GenerationRequest, card: Card, keys: Mapping[str, object]) -> list[str]:
        """-> what to say of a note that could not be written, which is no reason to draw nothing."""
        try:
            self.note(told(request, card, keys))
        except OutputTrouble as trouble:
            return [str(trouble)]
        return []

    def vectors(self, request: GenerationRequest) -> Mapping[str, Tensor]:
        """Its textual inversions, by name."""
        known = [self.shelf.hashed(card) for card in self.shelf.embeddings() if card.name in request.embeddings]
        return inversions.vectors(known, request.embeddings, self.converted)


def _kept(keeper: Keeper | None, whole: GenerationRequest, drawn: Drawn, report: Report) -> tuple[Picture, list[str]]:
    """Encodes a picture, saves it where somebody keeps it, and only then reports it. -> it, and what the user should know. Raises OutputTrouble."""
    picture = drawn()
    picture, notes = keeper.keep(picture, whole) if keeper is not None and keeper.wants(picture) else (picture, [])
    report(picture)
    return picture, notes
