"""A run through the functions of the checkpoint's family: its relay, the stages of a plan, the canvas between them, and pictures out of latents.

Knows features and families by their protocols, and no face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from modules.catalog.card import Card
from modules.core.errors import BadModelFile
from modules.core.records.upscalers import LATENT_UPSCALERS
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Progress
from modules.engine import blame, inversions, upscaler_names, upscalers
from modules.engine.autoencoders import TILED, tiles
from modules.engine.canvas import Canvas
from modules.engine.controls import Controls
from modules.engine.depths import estimated
from modules.engine.feature import Feature
from modules.engine.features import lora, shortcuts
from modules.engine.features.compiling import Compiling
from modules.engine.features.distilled import DistilledGuidance
from modules.engine.features.tiling import Tiling
from modules.engine.features.watch import Pace, Stopped, Watch
from modules.engine.healing import Again, Healing
from modules.engine.models import Loaded
from modules.engine.plan import Stage, plan, takes
from modules.engine.refiner import refiner_of
from modules.engine.relay import Relay
from modules.engine.restoring import retouched
from modules.engine.run import Drawn, Made, Run
from modules.engine.sample import sample, steps_of
from modules.engine.start import prepare
from modules.engine.tell import pictured
from modules.engine.upscalers import Watched
from modules.engine.vae_names import doubted, of_refiner, vae_of
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Model
from modules.imaging import pixels
from modules.imaging.resize import Upscaler
from modules.memory import ladder

NAN = "A picture came out as not-a-number."
NAN_REMEDY = "Start with --no-half-vae or --no-half, or try another checkpoint."


@dataclass
class Drawing(Run):
    """Through the functions of the checkpoint's family."""

    pace: Pace = field(init=False)
    controls: Controls = field(init=False)
    compiling: Compiling | None = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(self.means.looks().preview_interval, self.means.previews.costs)
        self.compiling = Compiling(self.means.compilations) if self.means.compilations else None

    def _takes(self) -> Iterator[Made]:
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
            self.means.models,
            request.precision,
            self.card,
            refiner,
            vectors,
            features,
            self._own,
            vae,
            readings=self.means.readings,
            storage=request.storage,
            texts_in=request.text_precision,
            need=self.means.need,
        ) as relay:
            healing = relay.healing = Healing(
                request, lambda: self.room(relay.alone()), relay.frugal, relay.tile, self.means.machine.device, relay.record.lacks, self.say
            )
            healing.autoencoder = partial(_spoken, vaes)
            acting = healing.attempt("loading", lambda: relay.acting)
            if tiles(request, plan(request, relay.record, self.card.native), acting.model, self._spare(acting)):
                healing.tiled("" if request.vae_tiled else TILED)
            for sentence in inversions.unfitting(acting.model, vectors) if vectors else ():
                self.say(sentence)
            del acting
            self.report(Progress("encoding", 0, request.pictures))
            with suppress(Again):  # of texts that overflow: their pictures begin again one by one
                for stage in plan(request, relay.record, self.card.native):
                    healing.attempt("reading", partial(relay.texts, stage))
            left = takes(request)
            while left:
                if self.cancel() is Cancel.STOP:
                    yield [], Cancel.STOP
                    return
                take = left.pop(0)
                found = self._healed(relay, take)
                if found is None:
                    left = [range(index, index + 1) for index in range(take.start, request.pictures)]
                    continue
                relay.rest()
                yield found
                if found[1] is Cancel.STOP:
                    return

    def _spare(self, acting: Loaded) -> int:
        """Bytes that an autoencoder may take beside everything else (`memory.budget.decided` counts so, too)."""
        need = self.means.need(self.request, acting.model.card)
        return self.means.models.left(acting.placed) - (need.work.beside if need else 0)

    def _healed(self, relay: Relay, take: range) -> Made | None:
        """Whatever a take needs so that it is made. None where its pictures are to be drawn one by one, and all after them."""
        healing = relay.healing
        healing.begin()
        while True:
            try:
                return self._take(relay, take)
            except Again:
                healing.restart()
            if len(take) > 1 and not healing.request.batched:
                return None

    def _take(self, relay: Relay, take: range) -> Made:
        """Samples and decodes the pictures that are evaluated together. Raises Again, EaselError."""
        means, healing = self.means, relay.healing
        request = healing.request
        requests = [single(request, index) for index in take]
        relay.become(request.precision, request.text_precision)
        stages = plan(request, relay.record, self.card.native)
        kept = None if self.compiling else means.first_passes.find(stages, requests)  # it may have been drawn the other way
        todo = stages[1:] if kept else stages
        total = sum(steps_of(stage) for stage in todo)
        self.report(Progress("sampling", take.start, request.pictures, 0, total))
        relay.turn = relay.lead
        healing.attempt("loading", lambda: relay.bare)
        how, done, lost = Cancel.NONE, 0, dict[int, str]()

        upscaler = self._upscaler(healing, lambda pieces, of: self.report(Progress("enlarging", take.start, request.pictures, done, total)))

        restoring = self.restoring(lambda: self.report(Progress("restoring faces", take.start, request.pictures, done, total)))
        relay.retouch = partial(restoring.restored, faces=request.faces)

        def begun() -> Canvas:
            depths = partial(estimated, shelf=means.shelf, networks=means.control_networks)
            return prepare(relay, stages[0], requests, means.blobs, upscaler, depths)

        def further(canvas: Canvas, stage: Stage, latents: Tensor, turn: Card) -> Canvas:
            relay.turn = turn
            return canvas.onward(canvas, stage, latents, relay)

        def drawn(canvas: Canvas, stage: Stage, latents: Tensor | None) -> Tensor:
            relay.turn = relay.lead
            watch = self._watch(relay.bare, take, done, total)
            bending = [*relay.features, *canvas.features, *self.controls.acting(relay, stage, requests[0]), watch]
            return canvas.settle(_stage(stage, relay, requests, bending, latents))

        try:
            canvas = healing.attempt("starting", begun)
            latents = canvas.latents
            if kept:
                latents = kept.latents.to(relay.bare.device)
                relay.turn = relay.refiner if kept.refined and relay.refiner else relay.lead
            for stage in todo:
                if stage is not stages[0] and latents is not None:
                    canvas = healing.attempt("enlarging", partial(further, canvas, stage, latents, relay.turn), once=request.outpaints)
                    latents = canvas.latents
                latents = healing.attempt("sampling", partial(drawn, canvas, stage, latents))
                lost |= healing.attempt("sampling", partial(self._lost, relay, latents))
                healing.attempt("finishing", partial(means.first_passes.keep, stage, requests, latents, relay.turn is relay.refiner))
                done += steps_of(stage)
        except Stopped as stop:
            how = stop.how
            if stop.latents is None:
                return [], how
            latents = stop.latents
        self.report(Progress("decoding", take.start, request.pictures, total, total))
        return self._pictures(relay, take, canvas, latents, how, lost)

    def _lost(self, relay: Relay, latents: Tensor) -> dict[int, str]:
        """Which of the pictures that are evaluated together a model drew no numbers of, and what is to be said of it. Raises Again where fp32 may help, NotNumbers
        where no picture is left."""
        sound = blame.rows(latents).tolist()
        if all(sound):
            return {}
        found = self.controls.broken() or relay.guilty(acted=self.controls.named)
        if not any(sound):
            raise found
        return {place: str(found) for place, fine in enumerate(sound) if not fine}

    def _own(self, stage: Stage, model: Model) -> Sequence[Feature]:
        """What a model wears in one stage only."""
        worn = lora.of_stage(stage.request, self.means.shelf, self.say, model.card, self.means.models.converted)
        return (*worn, *shortcuts.of_stage(stage))

    def _upscaler(self, healing: Healing, told: Callable[[int, int], None]) -> Upscaler | None:
        """What enlarges this request's pictures as pictures: its start picture, or its first pass's."""
        request, means = self.request, self.means
        for place, name, plain in upscaler_names.names_of(request):
            if name not in LATENT_UPSCALERS:
                found = upscaler_names.find(name, means.shelf, place, plain, request.enlarging.networks.get(name, ""))
                return healing.enlarging(partial(upscalers.asked, means.upscalers, found, Watched(told, self.cancel)))
        return None

    def _watch(self, model: Model, take: range, done: int, total: int) -> Watch:
        preview = model.card.preview or model.record.preview
        side = self.means.looks().preview_side
        decoded = self.means.previews.of(model) if self.pace.interval else None
        return Watch(self.report, self.cancel, take.start, self.request.pictures, done, total, self.pace, preview, side, decoded)

    def _pictures(self, relay: Relay, take: range, canvas: Canvas, latents: Tensor | None, how: Cancel, lost: Mapping[int, str]) -> Made:
        """Decoded and finished. One that came out as not-a-number is left out and said; the others stand. how: it was cancelled until now. lost: those that came
        out so before, and what is said of them."""
        if latents is None:
            return [], how
        decoded = relay.decode(latents, some=True)
        facts, healing = self.means.facts(), relay.healing
        if self.compiling:
            facts |= self.compiling.facts()
            if trouble := self.compiling.trouble():
                self.say(trouble)

        def finished(place: int, index: int) -> Drawn:
            nonlocal how
            image = pixels.to_images(decoded[place : place + 1])[0]
            if how is Cancel.NONE:
                image, how = retouched(relay.retouch, image)
            image = canvas.finish(image, place, latents[place])
            made, asked = single(healing.request, index), single(self.request, index)
            tell = partial(pictured, image, made, index, relay.lead, how is Cancel.NONE, self.keys, facts, asked)
            return partial(ladder.patiently, tell, partial(ladder.exhausted, "finishing", healing.device, image.size))

        def whole() -> list[tuple[int, int]]:
            return [(place, index) for place, index in enumerate(take) if place not in lost and torch.isfinite(decoded[place]).all()]

        sound = healing.attempt("finishing", whole)
        if not sound:
            raise BadModelFile(NAN, NAN_REMEDY, "model")
        note = f"{NAN} {next(iter(lost.values()), NAN_REMEDY)}" if len(sound) < len(take) else ""
        return [(healing.attempt("finishing", partial(finished, *one), once=self.request.outpaints), note) for one in sound], how


def _spoken(vaes: Mapping[Path, Card | None], checkpoint: Card) -> str:
    """The autoencoder of a checkpoint, at the beginning of a sentence."""
    stand_in = vaes.get(checkpoint.path)
    return f"The VAE {stand_in.path.name}" if stand_in else f"The VAE of {checkpoint.name}"


def _stage(stage: Stage, relay: Relay, requests: list[GenerationRequest], features: Sequence[Feature], latents: Tensor | None) -> Tensor:
    return sample(stage, relay.bare, requests, lambda table: relay.denoiser(stage, table, features), latents)
