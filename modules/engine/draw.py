"""One resolved request, drawn take by take: the checkpoint's relay, the stages of a plan, the canvas between them, and pictures out of latents.

Knows features and families by their protocols, and no face. Saves nothing: whoever asks for the takes does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from modules.catalog.card import Card
from modules.core.blobs import Blobs
from modules.core.errors import BadModelFile
from modules.core.options import Looks
from modules.core.records.upscalers import LATENT_UPSCALERS
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Progress, Report
from modules.engine import inversions, upscaler_names, wide
from modules.engine.autoencoders import HEALED, TILED, Autoencoders, tiles
from modules.engine.canvas import Canvas
from modules.engine.controls import Controls
from modules.engine.depths import estimated
from modules.engine.feature import Feature
from modules.engine.features import lora, shortcuts
from modules.engine.features.compiling import Compiling
from modules.engine.features.distilled import DistilledGuidance
from modules.engine.features.tiling import Tiling
from modules.engine.features.watch import Pace, Stopped, Watch
from modules.engine.first_passes import FirstPasses
from modules.engine.models import Loaded, Models
from modules.engine.plan import Stage, plan, takes
from modules.engine.previews import Previews
from modules.engine.readings import Readings
from modules.engine.refiner import refiner_of
from modules.engine.relay import Relay
from modules.engine.resolve import Shelf
from modules.engine.sample import sample, steps_of
from modules.engine.start import prepare
from modules.engine.tell import pictured
from modules.engine.upscalers import Upscalers, Watched
from modules.engine.vae_names import doubted, of_refiner, vae_of
from modules.engine.warm import Warm
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Model
from modules.imaging import pixels
from modules.imaging.resize import Upscaler
from modules.memory.compiled import Compilations
from modules.memory.device import Machine
from modules.memory.placement import rest

NAN = "A picture came out as not-a-number."
NAN_REMEDY = "Start with --no-half-vae or --no-half, or try another checkpoint."

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
    upscalers: Upscalers
    control_networks: Warm
    previews: Previews
    first_passes: FirstPasses
    compilations: Compilations | None
    readings: Readings

    @property
    def shelf(self) -> Shelf: ...

    def looks(self) -> Looks: ...

    def facts(self) -> dict[str, str]: ...

    def vectors(self, request: GenerationRequest) -> Mapping[str, Tensor]: ...


@dataclass
class Drawing:
    """request: resolved, card: its checkpoint's. keys: further ones for its infotexts. say: takes a sentence that the user should read."""

    means: Means
    request: GenerationRequest
    card: Card
    report: Report
    cancel: Callable[[], Cancel]
    keys: Mapping[str, object]
    say: Callable[[str], None]
    pace: Pace = field(init=False)
    controls: Controls = field(init=False)
    compiling: Compiling | None = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(self.means.looks().preview_interval)
        self.compiling = Compiling(self.means.compilations) if self.means.compilations else None

    def takes(self) -> Iterator[Made]:
        """Take by take. Raises EaselError, and whatever torch raises when memory is short."""
        if self.card.family == "pipeline":
            yield from self._wide()
            return
        request, shelf = self.request, self.means.shelf
        refiner = refiner_of(request, shelf)
        for known in (self.card, refiner) if refiner else (self.card,):
            FAMILIES_BY_NAME[known.family].check(request)
        self.controls = Controls(request, shelf, self.means.control_networks, self.means.blobs)
        features: list[Feature] = [
            *([self.compiling] if self.compiling else []),
            *self.controls.standing(),
            *([Tiling()] if request.tiling else []),
            *shortcuts.standing(request),
        ]
        if "guidance.distilled" not in FAMILIES_BY_NAME[self.card.family].record.lacks:
            features.append(DistilledGuidance(request.guidance.distilled))
        vectors = self.means.vectors(request)
        vaes = {self.card.path: vae_of(request, self.card, shelf)}
        if refiner:
            vaes[refiner.path] = of_refiner(request, self.card, refiner, shelf)
        for whose in (self.card, refiner) if refiner else (self.card,):
            if (stand_in := vaes[whose.path]) and (doubt := doubted(stand_in, whose)):
                self.say(doubt)

        def vae(loaded: Loaded) -> Loaded:
            """Each checkpoint with its own, or the file that stands in for it."""
            return self.means.autoencoders.instead(vaes[loaded.model.card.path], loaded)

        with Relay(
            self.means.models, request.precision, self.card, refiner, vectors, features, self._own, vae, readings=self.means.readings, storage=request.storage
        ) as relay:
            stages = plan(request, relay.record, self.card.native)
            if tiles(request, stages, relay.acting.model, self.means.machine.free()):
                relay.tile()
            for sentence in inversions.unfitting(relay.acting.model, vectors) if vectors else ():
                self.say(sentence)
            self.report(Progress("encoding", 0, request.pictures))
            for stage in stages:
                relay.texts(stage)
            for take in takes(request):
                if self.cancel() is Cancel.STOP:
                    yield [], Cancel.STOP
                    return
                made, how = relay.healing.drawn(request.vae_full, partial(self._take, relay, stages, take))
                relay.rest()
                yield made, how
                if how is Cancel.STOP:
                    return

    def _wide(self) -> Iterator[Made]:
        """As `takes`, through the model's own pipeline."""
        means, request = self.means, self.request
        loaded = means.models.load(self.card, request.precision, request.storage)
        told = {**self.keys, "Pipeline": type(loaded.model.parts["pipeline"]).__name__}
        with ExitStack() as standing:
            for feature in lora.of_stage(request, means.shelf, self.say, loaded.model, means.models.converted):
                standing.enter_context(feature.attach(loaded.model))
            for index in range(request.pictures):
                one = single(request, index)
                image, how = wide.drawn(loaded.model, one, (index, request.pictures), means.blobs, self.report, self.cancel, means.looks())
                rest(loaded.placed)
                yield [(partial(pictured, image, one, index, self.card, how is Cancel.NONE, told, means.facts()), "")] if image else [], how
                if how is Cancel.STOP:
                    return

    def _take(self, relay: Relay, stages: Sequence[Stage], take: range) -> Made:
        """Samples and decodes the pictures that are evaluated together."""
        request, means = self.request, self.means
        requests = [single(request, index) for index in take]
        kept = None if self.compiling else means.first_passes.find(stages, requests)  # it may have been drawn the other way
        todo = stages[1:] if kept else stages
        total = sum(steps_of(stage) for stage in todo)
        self.report(Progress("sampling", take.start, request.pictures, 0, total))
        relay.turn = relay.lead
        how, done = Cancel.NONE, 0
        upscaler = self._upscaler(lambda pieces, of: self.report(Progress("enlarging", take.start, request.pictures, done, total)))
        try:
            canvas = prepare(relay, stages[0], requests, means.blobs, upscaler, partial(estimated, shelf=means.shelf, networks=means.control_networks))
            latents = canvas.latents
            if kept:
                latents = kept.latents.to(relay.bare.device)
                relay.turn = relay.refiner if kept.refined and relay.refiner else relay.lead
            for stage in todo:
                if stage is not stages[0] and latents is not None:
                    canvas = canvas.onward(canvas, stage, latents, relay)
                    latents = canvas.latents
                relay.turn = relay.lead
                watch = self._watch(relay.bare, take, done, total)
                bending = [*relay.features, *canvas.features, *self.controls.acting(relay, stage, requests[0]), watch]
                latents = canvas.settle(_stage(stage, relay, requests, bending, latents))
                means.first_passes.keep(stage, requests, latents, relay.turn is relay.refiner)
                done += steps_of(stage)
        except Stopped as stop:
            how = stop.how
            if stop.latents is None:
                return [], how
            latents = stop.latents
        self.report(Progress("decoding", take.start, request.pictures, total, total))
        return self._pictures(relay, requests, take, canvas, latents, how is Cancel.NONE), how

    def _own(self, stage: Stage, model: Model) -> Sequence[Feature]:
        """What a model wears in one stage only."""
        worn = lora.of_stage(stage.request, self.means.shelf, self.say, model, self.means.models.converted)
        return (*worn, *shortcuts.of_stage(stage))

    def _upscaler(self, told: Callable[[int, int], None]) -> Upscaler | None:
        """What enlarges this request's pictures as pictures: its start picture, or its first pass's."""
        request, shelf = self.request, self.means.shelf
        for place, name, plain in upscaler_names.names_of(request):
            if name not in LATENT_UPSCALERS:
                found = upscaler_names.find(name, shelf, place, plain, request.enlarging.networks.get(name, ""))
                return self.means.upscalers.function(found, request.enlarging, request.precision, Watched(told, self.cancel))
        return None

    def _watch(self, model: Model, take: range, done: int, total: int) -> Watch:
        preview = model.card.preview or model.record.preview
        side = self.means.looks().preview_side
        decoded = self.means.previews.of(model) if self.pace.interval else None
        return Watch(self.report, self.cancel, take.start, self.request.pictures, done, total, self.pace, preview, side, decoded)

    def _pictures(
        self, relay: Relay, requests: Sequence[GenerationRequest], take: range, canvas: Canvas, latents: Tensor | None, complete: bool
    ) -> list[tuple[Drawn, str]]:
        """Decoded and finished. One that came out as not-a-number is left out and said; the others stand."""
        if latents is None:
            return []
        decoded = relay.decode(latents)
        facts = self.means.facts()
        if self.compiling:
            facts |= self.compiling.facts()
            if trouble := self.compiling.trouble():
                self.say(trouble)
        found: list[Drawn] = []
        broken, healed = 0, relay.healing.full and not requests[0].vae_full
        for place, (one, index) in enumerate(zip(requests, take, strict=True)):
            if not torch.isfinite(decoded[place]).all():
                broken += 1
                continue
            image = canvas.finish(pixels.to_images(decoded[place : place + 1])[0], place, latents[place])
            made = replace(one, vae_full=one.vae_full or healed, vae_tiled=relay.tiled)
            found.append(partial(pictured, image, made, index, relay.lead, complete, self.keys, facts, one))
        if broken and not found:
            raise BadModelFile(NAN, NAN_REMEDY, "model")
        note = " ".join(
            ([f"{NAN} {NAN_REMEDY}"] if broken else []) + ([HEALED] if healed else []) + ([TILED] if relay.tiled and not requests[0].vae_tiled else [])
        )
        return [(picture, note) for picture in found]


def _stage(stage: Stage, relay: Relay, requests: list[GenerationRequest], features: Sequence[Feature], latents: Tensor | None) -> Tensor:
    return sample(stage, relay.bare, requests, lambda table: relay.denoiser(stage, table, features), latents)
