"""A start picture grows: window after window is drawn beside what is there and joined to it (`imaging.windows`, `margins`, `seam`).

Each window is an inpainting of its own, so every sampler, feature and model serves. Why so: docs/decisions/0006-outpainting-in-windows.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.core.blobs import Blobs
from modules.core.errors import InvalidRequest
from modules.core.records.samplers import SAMPLERS
from modules.core.request import GenerationRequest, single
from modules.engine import beside
from modules.engine.canvas import Canvas
from modules.engine.features.inpaint import InpaintMask
from modules.engine.levels import levels_of
from modules.engine.plan import LARGEST, Stage, growth
from modules.engine.relay import Relay
from modules.imaging import latents as in_latents
from modules.imaging import pixels
from modules.imaging.background import flatten
from modules.imaging.margins import Known, Pixels, noisy, stretched
from modules.imaging.opening import MOST, opened
from modules.imaging.overlay import Box
from modules.imaging.seam import joined
from modules.imaging.sizes import LATENT
from modules.imaging.windows import Window
from modules.sampling.noise import PictureNoise

SMALLEST = 64
"""Pixels of a side, as of any request."""


@dataclass(frozen=True)
class Sheet:
    """What one picture is drawn on, window by window. pixels: [H, W, 3]. known: [H, W]. asked: the part that becomes the finished picture. feather: in pixels."""

    pixels: Pixels
    known: Known
    asked: Box
    feather: int

    def seen(self, window: Window) -> tuple[Pixels, Known]:
        """A window's part; where it reaches beyond what is there, the edge repeats."""
        left, top, right, bottom = window.kept
        beyond = ((top - window.shown[1], window.shown[3] - bottom), (left - window.shown[0], window.shown[2] - right))
        part, known = self.pixels[top:bottom, left:right], self.known[top:bottom, left:right]
        return np.pad(part, (*beyond, (0, 0)), mode="edge"), np.pad(known, beyond, mode="edge")

    def draw(self, window: Window, image: Image.Image) -> None:
        """Joins a window's picture to what is there."""
        left, top, right, bottom = window.kept
        new = np.asarray(image)[top - window.shown[1] :, left - window.shown[0] :][: bottom - top, : right - left]
        here = np.s_[top:bottom, left:right]
        self.pixels[here] = joined(self.pixels[here], self.known[here], new, self.feather)
        self.known[here] = True

    def finished(self) -> Image.Image:
        """RGB, of the size that was asked for."""
        left, top, right, bottom = self.asked
        return Image.fromarray(np.ascontiguousarray(self.pixels[top:bottom, left:right]))


def sized(request: GenerationRequest, blobs: Blobs) -> GenerationRequest:
    """The request with the width and height that its start picture grows to; as it is when nothing grows. Raises InvalidRequest, NotFound, BadPicture."""
    if not request.outpaints:
        return request
    wish = request.outpaint
    if request.mask.image:
        raise InvalidRequest("A mask was given, and sides to outpaint.", "Leave one of them out: outpainting makes its own mask.", "mask.image")
    if request.init.batch:
        raise InvalidRequest("Several start pictures were given, and sides to outpaint.", "Outpaint them one by one.", "init.batch")
    image = opened(blobs.get(request.init.image, "init.image"))
    width, height = image.width + wish.left + wish.right, image.height + wish.up + wish.down
    if max(width, height) > LARGEST or width * height > MOST or min(width, height) < SMALLEST:
        what = f"The outpainted picture would be {width} x {height} pixels; {SMALLEST} to {LARGEST} a side are drawn, and {MOST // 1_000_000} million in all."
        raise InvalidRequest(what, "Give other sides, or another start picture.", "outpaint.left")
    return replace(request, width=width, height=height)


def begun(relay: Relay, stage: Stage, window: Window, requests: Sequence[GenerationRequest], blobs: Blobs) -> Canvas:
    """The canvas of the first window, of pictures that are evaluated together. Raises NotFound, BadPicture."""
    request = requests[0]
    source = flatten(opened(blobs.get(request.init.image, "init.image")), request.init.background)
    wish = growth(request, relay.lead.native or relay.record.native)
    left, top, right, bottom = wish.picture
    paper = np.zeros((wish.sheet[1], wish.sheet[0], 3), np.uint8)
    known = np.zeros(paper.shape[:2], np.bool_)
    paper[top:bottom, left:right] = np.asarray(source)
    known[top:bottom, left:right] = True
    sheets = [Sheet(paper.copy(), known.copy(), wish.asked, request.outpaint.feather) for _ in requests]
    return _canvas(relay, stage, window, requests, sheets)


def _canvas(relay: Relay, stage: Stage, window: Window, requests: Sequence[GenerationRequest], sheets: Sequence[Sheet]) -> Canvas:
    """A window upon what is drawn so far of each picture."""
    request, model = requests[0], relay.bare
    parts = [sheet.seen(window) for sheet in sheets]
    known = parts[0][1]
    cells = known.reshape(stage.latent[1], LATENT, stage.latent[2], LATENT).all((1, 3))
    mask = torch.from_numpy(~cells)[None].float()
    start = _encoded(relay, [stretched(*part) for part in parts])
    if request.outpaint.fill == "shaped noise":  # the old parts are not to know of the noise beside them
        start = start * (1 - mask) + _encoded(relay, [noisy(*part) for part in parts]) * mask
    elif request.outpaint.fill == "latent noise":
        seeds = [single(one, stage.offset).seed for one in requests]
        noise = PictureNoise(seeds, stage.latent, request.noise_source, model.device).first().cpu()
        start = in_latents.masked_content("latent noise", start, mask, noise)
    table = levels_of(model, request.spacing)
    feature = InpaintMask(start, mask, None, SAMPLERS.get(request.sampler).timesteps, table)

    def finish(image: Image.Image, place: int, latents: Tensor) -> Image.Image:
        sheets[place].draw(window, image)
        return sheets[place].finished()

    def onward(canvas: Canvas, later: Stage, latents: Tensor, relay: Relay) -> Canvas:
        decoded = relay.decode(latents)
        relay.turn = relay.lead
        for sheet, image in zip(sheets, pixels.to_images(decoded), strict=True):
            sheet.draw(window, relay.retouch(image))
        assert later.window is not None  # the plan of a growing picture has nothing but windows
        return _canvas(relay, later, later.window, requests, sheets)

    hidden = torch.from_numpy(~known)[None, None].float()
    whole = pixels.to_tensor([Image.fromarray(part) for part, _ in parts])
    channels = beside.in_windows(relay, whole, hidden)
    return Canvas(start, (*channels, feature), feature.settle, finish, onward)


def _encoded(relay: Relay, parts: Sequence[Pixels]) -> Tensor:
    return relay.encode_image(pixels.to_tensor([Image.fromarray(part) for part in parts]))
