"""Whether a request may wait in the queue, of any kind: what can be said of it without loading anything, and what later settings must not change. No torch."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import singledispatchmethod

from modules.catalog.card import Card
from modules.catalog.scan import Library
from modules.core import inputs
from modules.core.blobs import Blobs
from modules.core.extras import ExtrasRequest
from modules.core.records.samplers import split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.core.request import SEED_DRAW, GenerationRequest
from modules.core.training import TrainingRequest
from modules.core.training import check as check_training
from modules.core.wish import Wish
from modules.engine import control_files, extras_names, face_names, upscaler_names, vae_names
from modules.engine.plan import check_levels
from modules.engine.refiner import refiner_of
from modules.engine.sweep import chosen


class Admission:
    """library: the catalog. blobs: where input pictures lie. card: of a model by name, of the default one of this moment for ""; None where there is none.
    trainable: raises Unsupported for what cannot be trained on a model."""

    def __init__(self, library: Library, blobs: Blobs, card: Callable[[str], Card | None], trainable: Callable[[TrainingRequest, Card], None]) -> None:
        self.library, self.blobs, self.card, self.trainable = library, blobs, card, trainable

    @singledispatchmethod
    def settled(self, request: Wish) -> Wish:
        """The request checked, with what later settings must not change. Raises EaselError."""
        raise TypeError(f"{type(request).__name__} is no kind of request")

    @settled.register
    def _generation(self, request: GenerationRequest) -> GenerationRequest:
        """One that names no model gets the default one of this moment. The seed of a sweep that has one for all is drawn now, so that what a crash leaves
        of it can be gone on with."""
        self.check(request)
        inputs.check(request, self.blobs)
        script, arguments = chosen(request)
        if script.early(arguments) and request.seed == -1:
            request = replace(request, seed=random.randrange(SEED_DRAW))
        if not (request.model or request.model_hash) and (card := self.card("")):
            request = replace(request, model=card.name)
        return request

    @settled.register
    def _extras(self, request: ExtrasRequest) -> ExtrasRequest:
        extras_names.check(request, self.library)
        inputs.check(request, self.blobs)
        return request

    @settled.register
    def _training(self, request: TrainingRequest) -> TrainingRequest:
        """One that names no model gets the default one of this moment."""
        check_training(request)
        card = self.card(request.model) if not request.model_hash else self.library.checkpoint(request.model, request.model_hash)
        if card is not None:
            self.trainable(request, card)
        return replace(request, model=card.name) if card and not request.model else request

    def check(self, request: GenerationRequest) -> None:
        """What can be said of a request without the engine: its names and its script. Raises InvalidRequest, NotFound with the
        nearest names, BadModelFile."""
        script, arguments = chosen(request)
        for name in script.upscalers:
            upscaler_names.find(getattr(arguments, name), self.library, f"script.args.{name}")
        split_sampler(request.sampler)
        SCHEDULES.get(request.schedule)
        check_levels(request)
        lead = self.library.checkpoint(request.model, request.model_hash) if request.model or request.model_hash else self.card("")
        if lead is not None:
            vae_names.vae_of(request, lead, self.library)
        refiner_of(request, self.library)
        upscaler_names.check(request, self.library)
        face_names.pair_of(request.faces, self.library)
        control_files.check(request, self.library)
