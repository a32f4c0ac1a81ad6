"""Runs a request through a model's own pipeline (`families.pipeline`), picture by picture, with LoRAs, progress, previews, cancel, and what is done where memory is short, as everywhere else."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from PIL import Image
from torch import Tensor

from modules.core.blobs import Blobs
from modules.core.errors import NotNumbers
from modules.core.options import Looks
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Progress, Report, Tally
from modules.engine.features import lora
from modules.engine.features.arriving import Arriving
from modules.engine.features.watch import Pace, rgb
from modules.engine.healing import Healing
from modules.engine.relay import Relay
from modules.engine.restoring import retouched
from modules.engine.run import Made, Run
from modules.engine.tell import pictured
from modules.engine.texts import read_prompt
from modules.families.family import Model
from modules.families.pipeline import draw
from modules.imaging.background import flatten
from modules.imaging.latents import principal
from modules.imaging.opening import opened
from modules.imaging.resize import ResizeMode, resize_image

log = logging.getLogger(__name__)


@dataclass
class Wide(Run):
    """Through the model's own pipeline."""

    def _takes(self) -> Iterator[Made]:
        means, request, card = self.means, self.request, self.card
        worn = lora.of_stage(request, means.shelf, self.say, card, means.models.converted)
        with Relay(means.models, request.precision, card, None, {}, worn, storage=request.storage) as relay:
            healing = relay.healing = Healing(
                request, lambda: self.room(relay.alone()), relay.frugal, device=means.machine.device, lacks=relay.record.lacks, say=self.say
            )
            loaded = healing.attempt("loading", lambda: relay.acting)
            keys = {**self.keys, "Pipeline": type(loaded.model.parts["pipeline"]).__name__}
            del loaded
            for index in range(request.pictures):
                healing.begin()
                image, how = healing.whole(partial(self._piped, relay, index))
                relay.rest()
                made, asked = single(healing.request, index), single(request, index)
                if image and how is Cancel.NONE:
                    restoring = self.restoring(partial(self.report, Progress("restoring faces", index, request.pictures, 1, 1)))
                    image, how = healing.attempt("finishing", partial(retouched, partial(restoring.restored, faces=made.faces), image))
                yield [(partial(pictured, image, made, index, card, how is Cancel.NONE, keys, means.facts(), asked), "")] if image else [], how
                if how is Cancel.STOP:
                    return

    def _piped(self, relay: Relay, index: int) -> tuple[Image.Image | None, Cancel]:
        """One picture of a model's own pipeline. Raises Again, NotNumbers."""
        means, healing = self.means, relay.healing
        relay.become(healing.request.precision, relay.texts_in)
        one, place = single(healing.request, index), (index, self.request.pictures)
        try:
            return healing.attempt("sampling", lambda: drawn(relay.acting.model, one, place, means.blobs, self.report, self.cancel, means.looks()))
        except NotNumbers as error:
            found = error
        raise relay.guilty(found)


def drawn(
    model: Model, request: GenerationRequest, place: tuple[int, int], blobs: Blobs, report: Report, cancel: Callable[[], Cancel], looks: Looks
) -> tuple[Image.Image | None, Cancel]:
    """request: resolved and single. place: (its index, how many there are). -> the picture, unfinished where it was cancelled, and how that was.
    Nothing when it was cancelled before its first step. Steps are counted, not reported (`core.result.Tally`). Raises NotNumbers, and what `draw` raises."""
    index, pictures = place
    how, steps = cancel(), request.steps
    if how is not Cancel.NONE:
        return None, how
    pace, tally = Pace(looks.preview_interval), Tally(0)
    coming: Arriving | None = None
    progress = Progress("sampling", index, pictures, 0, steps, None, tally)
    report(progress)

    def told(step: int, latents: Tensor | None) -> bool:
        nonlocal how, coming
        tally.done = min(step, steps)
        if latents is not None and (coming or pace.due()):
            began, image, seconds, there = time.monotonic(), None, 0.0, True
            try:
                coming = coming or Arriving(latents.device, lambda: latents)
                if there := coming.there:
                    image, seconds = preview(coming.tensor, request, looks.preview_side), coming.seconds
            except (MemoryError, RuntimeError, ValueError) as error:  # no reason to draw nothing
                log.warning("no more previews of this picture: %s", type(error).__name__)
                pace.interval = 0
            if there:
                coming = None
                pace.spent(time.monotonic() - began + seconds)
                report(progress.now._replace(preview=image))
        how = cancel() if how is Cancel.NONE else how
        return how is Cancel.NONE

    prompts = read_prompt(request.prompt, request), read_prompt(request.negative_prompt, request)
    return draw(model, request, prompts, start_of(request, blobs), told), how


def start_of(request: GenerationRequest, blobs: Blobs) -> Image.Image | None:
    if not request.init.image:
        return None
    source = flatten(opened(blobs.get(request.init.image, "init.image")), request.init.background)
    return resize_image(ResizeMode.STRETCH, source, request.width, request.height)


def preview(latents: Tensor, request: GenerationRequest, side: int) -> bytes | None:
    """In the colours of its principal components, for these latents' own are not known. Tokens in rows are laid out as the picture is; None for what is
    neither."""
    if latents.dim() == 5 and latents.shape[2] == 1:  # one frame
        latents = latents[:, :, 0]
    if latents.dim() == 3:
        rows, tokens, channels = latents.shape
        width = round(math.sqrt(tokens * request.width / request.height))
        if not width or tokens % width:
            return None
        latents = latents.transpose(1, 2).reshape(rows, channels, tokens // width, width)
    return rgb(latents, principal(latents), side) if latents.dim() == 4 else None
