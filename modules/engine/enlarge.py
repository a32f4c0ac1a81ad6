"""From the first pass to the start of the second: latents enlarged as such, or decoded, enlarged as pictures and encoded again (hires fix, parity rule 7.6)."""

from __future__ import annotations

import torch
from torch import Tensor

from modules.core.records.upscalers import LATENT_UPSCALERS
from modules.engine import beside
from modules.engine.canvas import Canvas, Onward
from modules.engine.features.watch import Stopped
from modules.engine.plan import Stage
from modules.engine.relay import Relay
from modules.imaging import latents, pixels
from modules.imaging.resize import ResizeMode, Upscaler, resize_image


def enlarging(upscaler: Upscaler | None) -> Onward:
    """The way on to the second pass. upscaler: of pictures."""

    def onward(canvas: Canvas, stage: Stage, first: Tensor, relay: Relay) -> Canvas:
        start = enlarge(stage, first, relay, upscaler)
        relay.turn = relay.lead
        seen = beside.again(relay, stage.latent, canvas.features, start, stage.request.init.mask_weight)
        return Canvas(start, seen, finish=canvas.finish)

    return onward


def enlarge(stage: Stage, first: Tensor, relay: Relay, upscaler: Upscaler | None) -> Tensor:
    """first: [B, C, h, w] of the pass before. Whoever drew that decodes it, and whoever draws the next one encodes. upscaler: of pictures.
    -> [B, C, *stage.latent]. Raises Stopped with the pass before."""
    width, height, cut = stage.enlarged
    name = stage.request.hires.upscaler
    if name in LATENT_UPSCALERS:
        multiple = relay.record.multiple
        return latents.trimmed(latents.resize(first, height // multiple, width // multiple, name), cut)
    images = [pixels.to_images(relay.decode(one))[0] for one in first.split(1)]
    try:
        larger = [resize_image(ResizeMode.STRETCH, image, width, height, upscaler) for image in images]
    except Stopped as stop:
        raise Stopped(stop.how, first) from None
    relay.turn = relay.lead
    encoded = torch.cat([relay.encode_image(pixels.to_tensor([image])) for image in larger])
    return latents.trimmed(encoded, cut)
