"""Progress, live preview and interrupt, seen from inside the loop. The outermost feature: it sees what the sampler is given."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from modules.core.result import Cancel, Progress, Tally
from modules.engine.feature import Feature
from modules.imaging.latents import principal
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
    """When the next preview is due, over all pictures of a run. interval: seconds, 0 for never. costs: seconds that the last one took, by whether it was
    decoded; where it outlives a run, the first preview of the next one waits for its share, too, and a short run shows none by a slow decoder."""

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
    decoded: shows latents better, where it is there. side: of the preview's longer edge, in pixels."""

    report: Callable[[Progress], None]
    cancel: Callable[[], Cancel]
    picture: int
    pictures: int
    done: int
    total: int
    pace: Pace
    preview: tuple[tuple[float, float, float], ...] = ()
    side: int = 320
    decoded: Callable[[Tensor, int], Image.Image] | None = None
    _last: Tensor | None = field(default=None, init=False)

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
            if self.pace.due(decoded):
                began = time.monotonic()
                image = self._shown(answer.x0)
                self.pace.spent(time.monotonic() - began, decoded)
                tally.done = min(self.done + step.index + 1, self.total)
                self.report(progress.now._replace(preview=image))
            return answer

        return watched

    def _shown(self, latents: Tensor) -> bytes | None:
        """A preview is no reason to draw nothing: after one that cannot be made, for want of memory or of numbers, the run goes on without."""
        try:
            if self.decoded:
                return small(self.decoded(latents[0], self.side), self.side, 1)
            return rgb(latents, self.preview or principal(latents), self.side)
        except (MemoryError, RuntimeError, ValueError) as error:
            log.warning("no more previews of this run: %s", type(error).__name__)
            self.pace.interval = 0
            return None


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
