"""Runs a request through a model's own pipeline (`families.pipeline`), picture by picture, with progress, previews and cancel as everywhere else."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from PIL import Image
from torch import Tensor

from modules.core.blobs import Blobs
from modules.core.options import Looks
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Progress, Report, Tally
from modules.engine.features.watch import Pace, rgb
from modules.engine.texts import read_prompt
from modules.families.family import Model
from modules.families.pipeline import draw
from modules.imaging.background import flatten
from modules.imaging.latents import principal
from modules.imaging.opening import opened
from modules.imaging.resize import ResizeMode, resize_image

log = logging.getLogger(__name__)


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
    progress = Progress("sampling", index, pictures, 0, steps, None, tally)
    report(progress)

    def told(step: int, latents: Tensor | None) -> bool:
        nonlocal how
        tally.done = min(step, steps)
        if latents is not None and pace.due():
            began = time.monotonic()
            try:
                image = preview(latents, request, looks.preview_side)
            except (MemoryError, RuntimeError, ValueError) as error:  # no reason to draw nothing
                log.warning("no more previews of this picture: %s", type(error).__name__)
                image, pace.interval = None, 0
            pace.spent(time.monotonic() - began)
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
