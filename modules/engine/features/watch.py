"""Progress, live preview and interrupt, seen from inside the loop. The outermost feature: it sees what the sampler is given."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from modules.core.result import Cancel, Progress, Tally
from modules.engine.feature import Feature
from modules.engine.features.arriving import Arriving
from modules.imaging.latents import principal
from modules.networks import taesd
from modules.sampling.step import Denoise, Denoised, Step

log = logging.getLogger(__name__)

LARGEST = 8
"""Times by which latents are enlarged at most: a preview is no larger than its picture."""

SHARE = 0.03
"""Of the time, that previews take at most."""


class Stopped(Exception):
    """Leaves the sampler between two denoiser calls. Never reaches a face. latents: the last denoised ones."""

    def __init__(self, how: Cancel, latents: Tensor | None) -> None:
        super().__init__(how.value)
        self.how, self.latents = how, latents


@dataclass
class Pace:
    """When the next preview is due, over all pictures of a run. interval: seconds, 0 for never. costs: seconds of work that the last one was for
    host and device, by whether it was decoded; where it outlives a run, the first preview of the next one waits for its share, too, and a short run shows none
    by a slow decoder."""

    interval: float
    costs: dict[bool, float] = field(default_factory=dict)
    _next: float = 0.0
    _began: float = 0.0
    _spent: float = 0.0

    def due(self, decoded: bool = False) -> bool:
        now = time.monotonic()
        self._began = self._began or now
        if not self.interval or now < self._next or now - self._began < (self._spent + self.costs.get(decoded, 0.0)) / SHARE:
            return False
        self._next = now + self.interval
        return True

    def spent(self, seconds: float, decoded: bool = False) -> None:
        """A preview took so long. The next one waits until it has its share of the time: a slow decoder shows fewer of them."""
        self._spent += seconds
        self.costs[decoded] = seconds


@dataclass
class Watch(Feature):
    """report: takes each progress. done, total: steps of the picture's earlier passes, and of all. cancel: asked before every denoiser call. preview: rows latent channel -> RGB (0..1); () where it is not known: then shapes show in colours that say nothing.
    decoded: makes better pixels of latents, where it is there (`networks.taesd.image` shows them). side: of the preview's longer edge, in pixels."""

    report: Callable[[Progress], None]
    cancel: Callable[[], Cancel]
    picture: int
    pictures: int
    done: int
    total: int
    pace: Pace
    preview: tuple[tuple[float, float, float], ...] = ()
    side: int = 320
    decoded: Callable[[Tensor, int], Tensor] | None = None
    _last: Tensor | None = field(default=None, init=False)
    _coming: Arriving | None = field(default=None, init=False)

    def wrap(self, denoise: Denoise) -> Denoise:
        """Reports that sampling begins. The steps after that are only counted: to report one takes as long as a sampler's arithmetic."""
        tally = Tally(self.done)
        progress = Progress("sampling", self.picture, self.pictures, self.done, self.total, None, tally)
        self.report(progress)
        decoded = self.decoded is not None

        def watched(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
            how = self.cancel()
            if how is not Cancel.NONE:
                raise Stopped(how, self._last)
            tally.done = min(self.done + step.index, self.total)
            answer = denoise(x, sigma, step)
            self._last = answer.x0
            if self._coming or self.pace.due(decoded):
                self._look(answer.x0, progress, tally, step)
            return answer

        return watched

    def _look(self, latents: Tensor, progress: Progress, tally: Tally, step: Step) -> None:
        """Begins a preview of the latents, or goes on with the one that is on its way; reports it once it is there. It is no reason to draw nothing: after one
        that cannot be made, for want of memory or of numbers, the run goes on without."""
        began, image, seconds = time.monotonic(), None, 0.0
        try:
            if self._coming is None:
                self._coming = Arriving(latents.device, partial(self._begun, latents))
            if not self._coming.there:
                return
            image, seconds = self._shown(self._coming.tensor), self._coming.seconds
        except (MemoryError, RuntimeError, ValueError) as error:
            log.warning("no more previews of this run: %s", type(error).__name__)
            self.pace.interval = 0
        self._coming = None
        self.pace.spent(time.monotonic() - began + seconds, self.decoded is not None)
        tally.done = min(self.done + step.index + 1, self.total)
        self.report(progress.now._replace(preview=image))

    def _begun(self, latents: Tensor) -> Tensor:
        """What a preview is made of, where the latents are: of the first picture, its pixels or itself."""
        return self.decoded(latents[0], self.side) if self.decoded else latents[:1]

    def _shown(self, begun: Tensor) -> bytes:
        if self.decoded:
            return small(taesd.image(begun), self.side, 1)
        return rgb(begun, self.preview or principal(begun), self.side)


def rgb(latents: Tensor, matrix: tuple[tuple[float, float, float], ...], side: int) -> bytes:
    """The first picture of latents [B, C, h, w] as a small JPEG, by a linear map of the channels (last row of `matrix`: the offset, when it has C+1 rows)."""
    channels = latents.shape[1]
    weights = torch.tensor(matrix[:channels], dtype=torch.float32)
    pixels = torch.einsum("chw,cr->hwr", latents[0].float().cpu(), weights)
    pixels = pixels + torch.tensor(matrix[channels] if len(matrix) > channels else (0.5, 0.5, 0.5))
    return small(Image.fromarray(pixels.clamp(0, 1).mul(255).byte().numpy()), side, LARGEST)


def small(image: Image.Image, side: int, most: int) -> bytes:
    """A JPEG whose longer side has `side` pixels, but at most so many times those of the image."""
    scale = min(side / max(image.size), most)
    image = image.resize((max(round(image.width * scale), 1), max(round(image.height * scale), 1)), Image.Resampling.BICUBIC)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=80)
    return data.getvalue()
