"""What pictures are drawn on: what a stage starts from, what bends its steps, how its pictures are finished, and what the next stage is drawn on.

txt2img, img2img, inpaint and outpaint differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from modules.engine.feature import Feature
from modules.engine.plan import Stage
from modules.engine.relay import Relay

Finish = Callable[[Image.Image, int, Tensor], Image.Image]
"""(decoded picture, its place in the batch, its latents [C, h, w]) -> the finished picture."""
Onward = Callable[["Canvas", Stage, Tensor, Relay], "Canvas"]
"""(the canvas, the next stage, latents of the one before, whose turn it is) -> the next stage's canvas."""


def _last(canvas: Canvas, stage: Stage, latents: Tensor, relay: Relay) -> Canvas:
    raise ValueError(f"{stage.name} follows a stage that nothing follows")


@dataclass(frozen=True)
class Canvas:
    """latents: what the stage starts from, [B, C, h, w], or None for noise. features: what bends its steps. settle: last touch on the latents."""

    latents: Tensor | None = None
    features: tuple[Feature, ...] = ()
    settle: Callable[[Tensor], Tensor] = lambda latents: latents
    finish: Finish = lambda image, place, latents: image
    onward: Onward = _last
