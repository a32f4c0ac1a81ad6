"""Request -> pictures: resolve, plan, and for each picture encode, sample, decode, save. Runs in the worker's thread, one request at a time.

Knows families by their protocol, features by theirs, and no face.
"""

from __future__ import annotations

import importlib.metadata
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from modules import __version__
from modules.catalog.card import Card
from modules.core.blobs import Blobs
from modules.core.errors import BadModelFile, OutOfMemory, OutputTrouble
from modules.core.extras import ExtrasRequest
from modules.core.options import DeviceOptions, Looks
from modules.core.params import to_dict, with_values
from modules.core.paths import Paths
from modules.core.records.upscalers import LATENT_UPSCALERS
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Kept, Picture, Progress, Report, Result, digest
from modules.core.saving import Saving
from modules.engine import inversions, loras, upscaler_names, wide
from modules.engine.autoencoders import HEALED, Autoencoders
from modules.engine.canvas import Canvas
from modules.engine.controls import BUDGET as CONTROL_BUDGET
from modules.engine.controls import Controls
from modules.engine.depths import estimated
from modules.engine.extras import Extras
from modules.engine.extras_names import ExtrasShelf
from modules.engine.extras_steps import Steps
from modules.engine.faces import FaceRestorers
from modules.engine.feature import Feature
from modules.engine.features import lora
from modules.engine.features.distilled import DistilledGuidance
from modules.engine.features.tiling import Tiling
from modules.engine.features.watch import Pace, Stopped, Watch
from modules.engine.first_passes import FirstPasses
from modules.engine.keep import Keeper
from modules.engine.models import Models
from modules.engine.outpaint import sized
from modules.engine.plan import Stage, plan, takes
from modules.engine.previews import Previews
from modules.engine.ready import Prepare, Ready, ready
from modules.engine.refiner import refiner_of
from modules.engine.relay import Relay
from modules.engine.resolve import Shelf, drawn, resolve
from modules.engine.sample import sample, steps_of
from modules.engine.save import Saver
from modules.engine.start import prepare
from modules.engine.sweep import conduct
from modules.engine.sweeps.tools import NamedUpscaler, Tools
from modules.engine.texts import styled
from modules.engine.upscalers import Upscalers, Watched
from modules.engine.vae_names import doubted, vae_of
from modules.engine.warm import Warm
from modules.engine.weighing import weigh
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Model
from modules.imaging import pixels
from modules.imaging.resize import Upscaler
from modules.infotext import files
from modules.infotext.write import infotext
from modules.memory.device import Machine, find, is_out_of_memory
from modules.memory.placement import rest
from modules.prompt.grammar import networks, strip_comments
from modules.prompt.lora_tags import KINDS
from modules.prompt.styles import Style

log = logging.getLogger(__name__)

NAN = "A picture came out as not-a-number."
NAN_REMEDY = "Start with --no-half-vae or --no-half, or try another checkpoint."
VERSIONED = ("torch", "diffusers", "transformers", "compel", "pillow")


class Catalog(Shelf, ExtrasShelf, Protocol):
    """What the engine asks of the catalog."""


@dataclass
class Engine:
    """The runner that `jobs` drives. shelf: the catalog. outputs: where pictures go. blobs: where the pictures lie that requests refer to.
    styles: by name. saving: how pictures become files, with a job's own values laid over. kept: by `core.result.digest`, a picture of an earlier run.
    note: is told the infotext of what is begun. prepare: the extensions' turn with the request of each picture. converted: where pickles lie that became
    safetensors."""

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
    converted: Path = field(default_factory=lambda: Paths().converted)

    def __post_init__(self) -> None:
        self.machine: Machine = find(self.options)
        self.networks = Warm(self.shelf, self.machine, self.converted)
        self.upscalers = Upscalers(self.networks)
        self.control_networks = Warm(self.shelf, self.machine, self.converted, CONTROL_BUDGET)
        self.models = Models(self.machine, self.options, self.converted)
        self.autoencoders = Autoencoders(self.networks, self.options)
        self.previews = Previews(self.shelf, self.networks)
        self.first_passes = FirstPasses()
        self.extras = Extras(Steps(self.shelf, self.upscalers, FaceRestorers(self.networks)), self.machine, self.blobs, self.outputs, self.saving, self.facts)

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
        self.models.load(card, request.precision)
        return card.name

    def unload(self) -> None:
        """Lets go of every model."""
        self.models.unload()
        self.networks.unload()
        self.control_networks.unload()

    @torch.inference_mode()
    def weigh(self, request: GenerationRequest) -> Mapping[str, Any]:
        """How its prompts are read and what their weights do (`engine.anatomy`), as plain data. Without LoRAs. Raises EaselError."""
        request, card = self._resolved(request)
        loaded = self.models.load(card, request.precision)
        try:
            return asdict(weigh(loaded.family, loaded.model, request, self._vectors(request)))
        finally:
            rest(loaded.placed)

    def run(
        self, request: Any, report: Report, cancel: Callable[[], Cancel], save: bool = True, saving: Mapping[str, Any] | None = None, user: str = ""
    ) -> Result:
        """Makes the pictures of a request, of any kind. Each is reported as soon as it is safe on the disk. Raises EaselError; pictures already reported stay."""
        runs: Mapping[type, Callable[..., Result]] = {GenerationRequest: self._generate, ExtrasRequest: self.extras.run}
        return runs[type(request)](request, report, cancel, save, saving, user)

    def _generate(
        self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, saving: Mapping[str, Any] | None, user: str
    ) -> Result:
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
            return conduct(request, partial(self._part, keeper), tools, report, cancel, save, self._recalled)
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
        enlarge = self.upscalers.function(found, whole.enlarging, whole.precision, watched)
        return NamedUpscaler(found.name, upscaler_names.recorded(found, self.shelf), enlarge)

    def _resolved(self, request: GenerationRequest) -> tuple[GenerationRequest, Card]:
        return resolve(sized(request, self.blobs), self.shelf, self.machine.precision, self.styles)

    def _ready(self, request: GenerationRequest) -> Ready:
        return ready(request, lambda wish: drawn(styled(wish, self.styles)), self.prepare)

    @torch.inference_mode()
    def _part(self, keeper: Keeper, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, keys: Mapping[str, object]) -> Result:
        """One request without a script. keys: further ones for its infotexts."""
        began = time.monotonic()
        report(Progress("loading", 0, request.pictures))
        request, card = self._resolved(request)
        pictures: list[Picture] = []
        notes, stopped, failure = (
            [*left_out(request), *loras.missing(request, self.shelf), *inversions.of_others(request, card, self.shelf.embeddings())],
            Cancel.NONE,
            None,
        )
        if save:
            notes += self._noted(single(request, 0), card, keys)
        try:
            for made, how in self._takes(request, card, report, cancel, keys, notes.append):
                for picture, note in made:
                    notes += [note] if note else []
                    if save and keeper.wants(picture):
                        picture, said = keeper.keep(picture, request)
                        notes += said
                    pictures.append(picture)
                    report(picture)
                stopped = how if how is not Cancel.NONE else stopped
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            failure = OutOfMemory(
                f"The {self.machine.device} ran out of memory at {request.width} x {request.height}.",
                "Make the picture or the batch smaller, or start with --medvram or --lowvram.",
            )
        if failure is not None:  # raised outside the except block: inside, the traceback would keep the tensors alive
            self.models.unload()
            raise failure
        return Result(request, tuple(pictures), tuple(dict.fromkeys(notes)), time.monotonic() - began, stopped, self.facts())

    def _takes(
        self, request: GenerationRequest, card: Card, report: Report, cancel: Callable[[], Cancel], keys: Mapping[str, object], say: Callable[[str], None]
    ) -> Iterator[tuple[list[tuple[Picture, str]], Cancel]]:
        """Take by take: the pictures with what is to be said of each, and whether somebody cancelled."""
        if card.family == "pipeline":
            yield from self._wide(request, card, report, cancel, keys, say)
            return
        refiner = refiner_of(request, self.shelf)
        for known in (card, refiner) if refiner else (card,):
            FAMILIES_BY_NAME[known.family].check(request)
        pace = Pace(self.looks().preview_interval)
        controls = Controls(request, self.shelf, self.control_networks, self.blobs)
        features: list[Feature] = [*controls.standing(), *([Tiling()] if request.tiling else [])]
        if "guidance.distilled" not in FAMILIES_BY_NAME[card.family].record.lacks:
            features.append(DistilledGuidance(request.guidance.distilled))
        vectors = self._vectors(request)
        stand_in = vae_of(request, card, self.shelf)
        if stand_in and (doubt := doubted(stand_in, card)):
            say(doubt)
        vae = partial(self.autoencoders.instead, stand_in)
        with Relay(self.models, request.precision, card, refiner, vectors, features, partial(self._own, say), vae) as relay:
            stages = plan(request, relay.record, card.native)
            for sentence in inversions.unfitting(relay.acting.model, vectors) if vectors else ():
                say(sentence)
            report(Progress("encoding", 0, request.pictures))
            for stage in stages:
                relay.texts(stage)
            for take in takes(request):
                if cancel() is Cancel.STOP:
                    yield [], Cancel.STOP
                    return
                draw = partial(self._take, relay, controls, request, stages, take, report, cancel, keys, pace)
                made, how = relay.healing.drawn(request.vae_full, draw)
                relay.rest()
                yield made, how
                if how is Cancel.STOP:
                    return

    def _wide(
        self, request: GenerationRequest, card: Card, report: Report, cancel: Callable[[], Cancel], keys: Mapping[str, object], say: Callable[[str], None]
    ) -> Iterator[tuple[list[tuple[Picture, str]], Cancel]]:
        """As `_takes`, through the model's own pipeline."""
        loaded = self.models.load(card, request.precision)
        told = {**keys, "Pipeline": type(loaded.model.parts["pipeline"]).__name__}
        with ExitStack() as standing:
            for feature in lora.of_stage(request, self.shelf, say, loaded.model):
                standing.enter_context(feature.attach(loaded.model))
            for index in range(request.pictures):
                one = single(request, index)
                image, how = wide.drawn(loaded.model, one, (index, request.pictures), self.blobs, report, cancel, self.looks())
                rest(loaded.placed)
                yield [(self._picture(image, one, index, card, how is Cancel.NONE, told), "")] if image else [], how
                if how is Cancel.STOP:
                    return

    def _take(
        self,
        relay: Relay,
        controls: Controls,
        request: GenerationRequest,
        stages: Sequence[Stage],
        take: range,
        report: Report,
        cancel: Callable[[], Cancel],
        keys: Mapping[str, object],
        pace: Pace,
    ) -> tuple[list[tuple[Picture, str]], Cancel]:
        """Samples and decodes the pictures that are evaluated together."""
        requests = [single(request, index) for index in take]
        kept = self.first_passes.find(stages, requests)
        todo = stages[1:] if kept else stages
        total = sum(steps_of(stage) for stage in todo)
        report(Progress("sampling", take.start, request.pictures, 0, total))
        relay.turn = relay.lead
        how, done = Cancel.NONE, 0
        upscaler = self._upscaler(request, lambda pieces, of: report(Progress("enlarging", take.start, request.pictures, done, total)), cancel)
        try:
            canvas = prepare(relay, stages[0], requests, self.blobs, upscaler, partial(estimated, shelf=self.shelf, networks=self.control_networks))
            latents = canvas.latents
            if kept:
                latents = kept.latents.to(relay.bare.device)
                relay.turn = relay.refiner if kept.refined and relay.refiner else relay.lead
            for stage in todo:
                if stage is not stages[0] and latents is not None:
                    canvas = canvas.onward(canvas, stage, latents, relay)
                    latents = canvas.latents
                relay.turn = relay.lead
                bending = [
                    *relay.features,
                    *canvas.features,
                    *controls.acting(relay, stage, requests[0]),
                    self._watch(relay.bare, take, request, done, total, report, cancel, pace),
                ]
                latents = canvas.settle(self._stage(stage, relay, requests, bending, latents))
                self.first_passes.keep(stage, requests, latents, relay.turn is relay.refiner)
                done += steps_of(stage)
        except Stopped as stop:
            how = stop.how
            if stop.latents is None:
                return [], how
            latents = stop.latents
        report(Progress("decoding", take.start, request.pictures, total, total))
        return self._pictures(relay, requests, take, canvas, latents, how is Cancel.NONE, keys), how

    def _own(self, say: Callable[[str], None], stage: Stage, model: Model) -> Sequence[Feature]:
        """What a model wears in one stage only."""
        return lora.of_stage(stage.request, self.shelf, say, model)

    def _upscaler(self, request: GenerationRequest, told: Callable[[int, int], None], cancel: Callable[[], Cancel]) -> Upscaler | None:
        """What enlarges this request's pictures as pictures: its start picture, or its first pass's."""
        for place, name, plain in upscaler_names.names_of(request):
            if name not in LATENT_UPSCALERS:
                found = upscaler_names.find(name, self.shelf, place, plain, request.enlarging.networks.get(name, ""))
                return self.upscalers.function(found, request.enlarging, request.precision, Watched(told, cancel))
        return None

    def _watch(
        self, model: Model, take: range, request: GenerationRequest, done: int, total: int, report: Report, cancel: Callable[[], Cancel], pace: Pace
    ) -> Watch:
        preview = model.card.preview or model.record.preview
        return Watch(
            report,
            cancel,
            take.start,
            request.pictures,
            done,
            total,
            pace,
            preview,
            self.looks().preview_side,
            self.previews.of(model) if pace.interval else None,
        )

    def _stage(self, stage: Stage, relay: Relay, requests: list[GenerationRequest], features: Sequence[Feature], latents: Tensor | None) -> Tensor:
        return sample(stage, relay.bare, requests, lambda table: relay.denoiser(stage, table, features), latents)

    def _pictures(
        self,
        relay: Relay,
        requests: Sequence[GenerationRequest],
        take: range,
        canvas: Canvas,
        latents: Tensor | None,
        complete: bool,
        keys: Mapping[str, object],
    ) -> list[tuple[Picture, str]]:
        """Decoded and finished. One that came out as not-a-number is left out and said; the others stand."""
        if latents is None:
            return []
        decoded = relay.decode(latents)
        found: list[tuple[Picture, str]] = []
        broken, healed = 0, relay.healing.full and not requests[0].vae_full
        for place, (one, index) in enumerate(zip(requests, take, strict=True)):
            if not torch.isfinite(decoded[place]).all():
                broken += 1
                continue
            image = canvas.finish(pixels.to_images(decoded[place : place + 1])[0], place, latents[place])
            made = replace(one, vae_full=True) if healed else one
            found.append((self._picture(image, made, index, relay.lead, complete, keys, digest(one, self.facts())), ""))
        if broken and not found:
            raise BadModelFile(NAN, NAN_REMEDY, "model")
        note = " ".join(([f"{NAN} {NAN_REMEDY}"] if broken else []) + ([HEALED] if healed else []))
        return [(picture, note) for picture, _ in found]

    def _picture(
        self, image: Image.Image, request: GenerationRequest, index: int, card: Card, complete: bool, keys: Mapping[str, object], key: str = ""
    ) -> Picture:
        """request: as it was drawn. key: the digest of what was asked for, by which a resumed run finds it, where that is another."""
        text = self._infotext(request, card, keys)
        document = {"easel": __version__, "request": to_dict(request), "facts": self.facts()}
        return Picture(
            files.encode(image, text, document), image.width, image.height, request, text, index, complete=complete, digest=key or digest(request, self.facts())
        )

    def _infotext(self, request: GenerationRequest, card: Card, keys: Mapping[str, object]) -> str:
        """A1111 names the weight wherever an inpainting model draws, and nowhere else."""
        weight = float(request.init.mask_weight) if card.variant == "inpainting" else None
        return infotext(spelled(request), version=f"Easel {__version__}", checkpoint=card.name, extra={"Conditional mask weight": weight, **keys})

    def _noted(self, request: GenerationRequest, card: Card, keys: Mapping[str, object]) -> list[str]:
        """-> what to say of a note that could not be written, which is no reason to draw nothing."""
        try:
            self.note(self._infotext(request, card, keys))
        except OutputTrouble as trouble:
            return [str(trouble)]
        return []

    def _vectors(self, request: GenerationRequest) -> Mapping[str, Tensor]:
        known = [self.shelf.hashed(card) for card in self.shelf.embeddings() if card.name in request.embeddings]
        return inversions.vectors(known, request.embeddings, self.converted)


def left_out(request: GenerationRequest) -> list[str]:
    """What the prompts ask for that acts nowhere, one sentence each."""
    other = [net for text in (request.prompt, request.negative_prompt) for net in networks(text)[1] if net.kind.lower() not in KINDS]
    negative = [net for net in networks(request.negative_prompt)[1] if net.kind.lower() in KINDS]
    return [f"<{net.kind}:{net.name[:80]}> was left out: Easel does not support it." for net in other] + [
        f"<{net.kind}:{net.name[:80]}> was left out: a LoRA acts only from the prompt, not from the negative one." for net in negative
    ]


def spelled(request: GenerationRequest) -> GenerationRequest:
    """The request as A1111's text tells it: its prompts without comments."""
    if not request.text.comments:
        return request
    hires = replace(request.hires, prompt=strip_comments(request.hires.prompt), negative_prompt=strip_comments(request.hires.negative_prompt))
    return replace(request, prompt=strip_comments(request.prompt), negative_prompt=strip_comments(request.negative_prompt), hires=hires)
