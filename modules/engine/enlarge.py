"""From the first pass to the start of the second: latents enlarged as such, or decoded, enlarged as pictures and encoded again (hires fix, parity rule 7.6)."""

from __future__ import annotations

import torch
from torch import Tensor

from modules.core.request import LATENT_UPSCALERS
from modules.engine.plan import Stage
from modules.families.family import Family, Model
from modules.imaging import latents, pixels
from modules.imaging.resize import UPSCALERS, ResizeMode, resize_image


def enlarge(stage: Stage, first: Tensor, family: Family, model: Model) -> Tensor:
    """first: [B, C, h, w] of the pass before. -> [B, C, *stage.latent]."""
    width, height, cut = stage.enlarged
    name = stage.request.hires.upscaler
    if name in LATENT_UPSCALERS:
        multiple = model.record.multiple
        return latents.trimmed(latents.resize(first, height // multiple, width // multiple, name), cut)
    images = [pixels.to_images(family.decode(model, one))[0] for one in first.split(1)]
    larger = [resize_image(ResizeMode.STRETCH, image, width, height, UPSCALERS[name]) for image in images]
    encoded = torch.cat([family.encode_image(model, pixels.to_tensor([image])) for image in larger])
    return latents.trimmed(encoded, cut)
