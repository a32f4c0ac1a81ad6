"""What a model sees beside the latents, by the channels that it has for it: a mask and a masked picture, a picture to edit, or its depth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from modules.core.errors import Unsupported
from modules.engine.feature import Feature
from modules.engine.features import depth_model, edit_model, inpaint_model
from modules.engine.features.depth_model import DepthChannel
from modules.engine.relay import Relay


def nothing(relay: Relay, latent: tuple[int, int, int], depth: Image.Image | None = None) -> tuple[Feature, ...]:
    """Where no picture is known. latent: (channels, height, width). depth: a map of it. Raises Unsupported for a model that needs more."""
    model = relay.acting.model
    if model.beside == edit_model.CHANNELS:
        raise edit_model.no_picture(model.card.name)
    if model.beside == depth_model.CHANNELS:
        if depth is None:
            raise depth_model.no_map(model.card.name)
        return depth_model.shown(depth, *latent[1:])
    return inpaint_model.blank(relay, latent)


def of(relay: Relay, latent: tuple[int, int, int], pixels: Tensor, hidden: Tensor, weight: float, depth: Image.Image | None = None) -> tuple[Feature, ...]:
    """pixels: [B, 3, H, W] in -1..1, what the pass starts from. hidden: [1, 1, H, W], 1 = drawn anew. weight: how much of that an inpainting model may not see.
    depth: a map of the picture, as large as it. Of the size of `latent`. Raises Unsupported for a model that needs more."""
    model = relay.acting.model
    if model.beside == depth_model.CHANNELS:
        return nothing(relay, latent, depth)
    if model.beside == edit_model.CHANNELS:
        found = edit_model.shown(relay, pixels)
        return found if found[0].beside.shape[2:] == latent[1:] else (edit_model.resized(found[0], *latent[1:]),)
    seen = inpaint_model.seen(relay, pixels, hidden, weight)
    return (inpaint_model.resized(seen[0], *latent[1:]),) if seen and seen[0].beside.shape[2:] != latent[1:] else seen


def again(relay: Relay, latent: tuple[int, int, int], before: Sequence[Feature], first: Tensor, weight: float) -> tuple[Feature, ...]:
    """In a second pass. before: what bent the first. first: latents to start from. An inpainting model is shown nothing of them, unless less is to be hidden."""
    known = [feature for feature in before if isinstance(feature, DepthChannel)]
    if known:
        return (depth_model.resized(known[0], *latent[1:]),)
    if weight == 1 or not relay.acting.model.beside:
        return nothing(relay, latent)
    decoded = relay.decode(first).clamp(-1, 1)
    return inpaint_model.seen(relay, decoded, torch.ones(1, 1, *decoded.shape[2:]), weight)


def in_windows(relay: Relay, pixels: Tensor, hidden: Tensor) -> tuple[Feature, ...]:
    """In a window of a picture that grows. Raises Unsupported for a model that would have to know what is not drawn yet."""
    model = relay.acting.model
    if model.beside in (depth_model.CHANNELS, edit_model.CHANNELS):
        raise Unsupported(f"{model.card.name} cannot make a picture grow.", "Choose an inpainting model, or any that draws from text.", "model")
    return inpaint_model.seen(relay, pixels, hidden, 1.0)
