"""The canvas that a run begins with: noise alone, a start picture, a masked part of one, or one that grows (parity rule 7.6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from modules.core.blobs import Blobs
from modules.core.records.samplers import SAMPLERS
from modules.core.request import GenerationRequest
from modules.engine import beside, outpaint
from modules.engine.canvas import Canvas
from modules.engine.enlarge import enlarging
from modules.engine.features.inpaint import InpaintMask
from modules.engine.levels import levels_of
from modules.engine.plan import Stage
from modules.engine.relay import Relay
from modules.imaging import color, fill, latents, masks, overlay, pixels, soft
from modules.imaging.background import flatten
from modules.imaging.opening import opened
from modules.imaging.resize import ResizeMode, Upscaler, resize_image
from modules.sampling.noise import PictureNoise

Estimate = Callable[[GenerationRequest, Image.Image], Image.Image | None]
"""(request, start picture) -> its depth map, None where nothing makes one."""

MODES = {
    "Just resize": ResizeMode.STRETCH,
    "Crop and resize": ResizeMode.CROP,
    "Resize and fill": ResizeMode.FILL,
    "Just resize (latent upscale)": ResizeMode.LATENT,
}


def prepare(
    relay: Relay, stage: Stage, requests: Sequence[GenerationRequest], blobs: Blobs, upscaler: Upscaler | None = None, estimate: Estimate | None = None
) -> Canvas:
    """The canvas of pictures that are evaluated together. upscaler: for a picture that is made larger, the start picture or what the first pass drew.
    estimate: makes the depth map of a start picture that comes without one, for a model that draws after it.
    Raises NotFound for an input picture that is not here, BadPicture for one that is none."""
    request = requests[0]
    if not request.init.image:
        return Canvas(features=beside.nothing(relay, stage.latent, depth_of(request, blobs)), onward=enlarging(upscaler))
    if stage.window:
        return outpaint.begun(relay, stage, stage.window, requests, blobs)
    model = relay.bare
    source = flatten(opened(blobs.get(request.init.image, "init.image")), request.init.background)
    where = region(request, source, blobs)
    seen = masks.network_picture(source, where, upscaler) if where else fitted(request, source, upscaler)
    if where and request.mask.content != "original":
        seen = fill.fill(seen, where.latent)
    start = relay.encode_image(pixels.to_tensor([seen]))
    if request.init.resize_mode == "Just resize (latent upscale)" and not (where and where.crop):
        start = latents.resize(start, *stage.latent[1:])
    start = start.expand(len(requests), -1, -1, -1)
    hidden = torch.ones(1, 1, seen.height, seen.width) if where is None else masks.pixel_mask(where)
    depth = depth_of(request, blobs, source.size)
    if depth is None and estimate and model.card.variant == "depth":
        depth = estimate(request, source)
    depth = depth and (masks.network_picture(depth, where, None) if where else fitted(request, depth))
    channels = beside.of(relay, stage.latent, pixels.to_tensor([seen]), hidden, request.init.mask_weight, depth)
    colors = flatten(opened(blobs.get(request.init.color_from, "init.color_from")), request.init.background) if request.init.color_from else seen
    if where is None:
        return Canvas(start, channels, finish=lambda image, place, result: corrected(request, image, colors))
    mask = masks.latent_mask(where, *stage.latent[1:])
    # A1111 fills with what the seeds alone draw first, whatever the variation seed
    noise = PictureNoise([one.seed for one in requests], stage.latent, request.noise_source, model.device).first().cpu()
    start = latents.masked_content(request.mask.content, start, mask, noise)
    table = levels_of(model, request.spacing)
    feature = InpaintMask(start, mask, softness(request), SAMPLERS.get(request.sampler).timesteps, table)
    original = masks.overlay_picture(source, where, upscaler)

    def finish(image: Image.Image, place: int, result: Tensor) -> Image.Image:
        image = corrected(request, image, colors)
        if feature.soft:
            shown = soft.composite_mask(start[place], result.cpu(), mask, where, feature.soft, source.size)
        elif request.mask.overlay:
            shown = where.overlay
        else:
            return image
        return overlay.finish(image, overlay.original(original, shown), where.crop)

    return Canvas(start, (*channels, feature), feature.settle, finish)


def region(request: GenerationRequest, source: Image.Image, blobs: Blobs) -> masks.Region | None:
    """What of the start picture is drawn anew; None for all of it."""
    wish = request.mask
    if not wish.image:
        return None
    rounding = wish.round and not wish.soft.enabled
    rule = masks.MaskRule(invert=wish.invert, blur=(wish.blur_x, wish.blur_y), only_masked=wish.area == "Only masked", padding=wish.padding, rounding=rounding)
    apart = opened(blobs.get(wish.latent, "mask.latent")) if wish.latent else None
    mask = opened(blobs.get(wish.image, "mask.image"))
    return masks.region(mask, source.size, request.width, request.height, rule, MODES[request.init.resize_mode], apart)


def depth_of(request: GenerationRequest, blobs: Blobs, size: tuple[int, int] | None = None) -> Image.Image | None:
    """The request's depth map, brought to the size of its start picture. Raises NotFound, BadPicture."""
    if not request.init.depth:
        return None
    image = opened(blobs.get(request.init.depth, "init.depth")).convert("RGB")
    return image.resize(size, Image.Resampling.BICUBIC) if size else image


def fitted(request: GenerationRequest, source: Image.Image, upscaler: Upscaler | None = None) -> Image.Image:
    """The start picture as the autoencoder sees it; a latent resize comes after it."""
    mode = MODES[request.init.resize_mode]
    return source if mode is ResizeMode.LATENT else resize_image(mode, source, request.width, request.height, upscaler)


def corrected(request: GenerationRequest, image: Image.Image, colors: Image.Image) -> Image.Image:
    return color.correct(image, colors) if request.init.color_correction else image


def softness(request: GenerationRequest) -> soft.Softness | None:
    wish = request.mask.soft
    if not wish.enabled:
        return None
    return soft.Softness(
        bias=wish.bias,
        preservation=wish.preservation,
        contrast=wish.contrast,
        influence=wish.influence,
        threshold=wish.threshold,
        difference_contrast=wish.difference_contrast,
    )
