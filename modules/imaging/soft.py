"""Soft inpainting: grey masks mean a little, in the blend of each step and in what of the original is laid over the result.

Knows no sampler: the engine asks for `blend` where the plain inpaint wrapper would mix by the mask, and for `composite_mask` at the end.
Rules: the project's notes on A1111 (soft inpainting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from modules.imaging.masks import Region
from modules.imaging.overlay import uncrop
from modules.imaging.resize import ResizeMode, resize_image

Floats = NDArray[np.floating]

REACH = 2
"""Pixels from the centre of the rank filters' window to its edge."""
SMOOTHING = 4
"""Pixels: radius of the blur that takes the steps of the enlarged mask away."""


@dataclass(frozen=True, kw_only=True)
class Softness:
    """A1111's six sliders. bias, preservation: when and how much a grey of the mask keeps of the original. contrast: how strongly the clearer of two
    mixed latents prevails. influence, threshold, difference_contrast: which differences of the result from the original count as repainted."""

    bias: float = 1.0
    preservation: float = 0.5
    contrast: float = 4.0
    influence: float = 0.0
    threshold: float = 0.5
    difference_contrast: float = 2.0


def blend(init: Tensor, latents: Tensor, mask: Tensor, sigma: float, soft: Softness) -> Tensor:
    """init and latents [B, C, h, w] mixed by mask [1, h, w] (0..1, 1 = repainted), at a noise level (for samplers that walk timesteps: the timestep).

    Mixed vectors are shorter than their parts, which would dim the seam; so each pixel's length over the channels is set to a power mean of the two.
    """
    share = mask.float() ** (sigma**soft.bias * soft.preservation)
    wide = torch.float32 if init.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    mixed = init * (1 - share).to(init.dtype) + latents * share.to(latents.dtype)

    def length(vectors: Tensor) -> Tensor:
        return torch.linalg.vector_norm(vectors, dim=1, keepdim=True).to(wide)

    wanted = ((1 - share) * length(init) ** soft.contrast + share * length(latents) ** soft.contrast) ** (1 / soft.contrast)
    return mixed * (wanted / (length(mixed) + 1e-5)).to(mixed.dtype)


def composite_mask(init: Tensor, latents: Tensor, mask: Tensor, where: Region, soft: Softness, size: tuple[int, int]) -> Image.Image:
    """L, for `overlay.original` in place of the region's own overlay mask: 255 where the result differs much from what it began with.

    init, latents: one picture's, [C, h, w], before and after sampling. mask: [1, h, w]. size: of the source picture, needed with a crop."""
    amount = mask[0].clamp(0, 1).float().cpu().numpy()
    keep = 0.5 * (1 - soft.influence) + (1 - amount ** (soft.preservation / 2)) * soft.influence
    half = soft.threshold * keep / (1.00001 - keep)
    distance = torch.linalg.vector_norm((latents - init).float(), dim=0).cpu().numpy()
    distance = rank_filter(rank_filter(distance, 0.9, 1.0), 0.25, 0.75)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kept = 1 / (1 + np.nan_to_num(distance / half, nan=0.0, posinf=np.inf) ** soft.difference_contrast)
    kept = kept**3 * (kept * (6 * kept - 15) + 10)  # Perlin's smootherstep
    small = Image.fromarray(((1 - kept) * 255).astype(np.uint8))
    fitted = resize_image(ResizeMode.FILL, small, where.width, where.height).filter(ImageFilter.GaussianBlur(SMOOTHING))
    return fitted if where.crop is None else uncrop(fitted, size, where.crop).convert("L")


def rank_filter(values: Floats, low: float, high: float) -> Floats:
    """Weighted mean of what lies between two quantiles (0..1) of each pixel's window. values: [h, w].

    The window's values are stacked in ascending order, each as high as its weight (a Gaussian of the distance, cut off at the window's edge), and the
    part between the quantiles is averaged, at least a height of 1. Beyond the picture's border there is nothing.
    """
    rows, columns = values.shape
    shifts = [(y, x) for y in range(2 * REACH + 1) for x in range(2 * REACH + 1)]
    around = np.pad(values.astype(np.float64), REACH)
    inside = np.pad(np.ones((rows, columns)), REACH)
    window = np.stack([around[y : y + rows, x : x + columns] for y, x in shifts])
    weights = np.stack([_weight(y - REACH, x - REACH) * inside[y : y + rows, x : x + columns] for y, x in shifts])

    order = np.argsort(window, axis=0, kind="stable")
    window, weights = np.take_along_axis(window, order, 0), np.take_along_axis(weights, order, 0)
    tops = np.cumsum(weights, axis=0)
    total = tops[-1]
    bottom, top = low * total, high * total
    middle = (bottom + top) / 2
    thin = top - bottom < 1
    bottom, top = np.where(thin, middle - 0.5, bottom), np.where(thin, middle + 0.5, top)
    over = np.where(thin, np.maximum(top - total, 0), 0)
    bottom, top = bottom - over, top - over
    under = np.where(thin, np.maximum(-bottom, 0), 0)
    bottom, top = bottom + under, top + under

    heights = np.clip(np.minimum(tops, top) - np.maximum(tops - weights, bottom), 0, None)
    return (window * heights).sum(0) / heights.sum(0)


def _weight(y: int, x: int) -> float:
    """A Gaussian of sigma 1.5 / sqrt(2), lowered so that it ends at 0 three pixels from the centre."""
    edge = np.exp(-4.0)
    return float(max(0.0, (np.exp(-(y * y + x * x) / 2.25) - edge) / (1 - edge)))
