"""A mask picture becomes all that inpainting needs of it: where to look, what to repaint, what to keep. Knows no network.

Rules: the project's notes on A1111 (inpaint). White (255) is repainted, black kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from modules.core.errors import InvalidRequest
from modules.imaging.overlay import Box
from modules.imaging.resize import ResizeMode, Upscaler, resize_image

MAX_BLUR = 512
"""Pixels. A kernel beyond that takes seconds and leaves nothing of a mask."""


@dataclass(frozen=True, kw_only=True)
class MaskRule:
    """How a mask is read. blur: sigma in pixels in x and y. only_masked: work on the masked part alone, `padding` pixels around it included.
    rounding: each latent is either repainted or kept, and alpha either in or out; soft inpainting needs it off."""

    invert: bool = False
    blur: tuple[float, float] = (4, 4)
    only_masked: bool = False
    padding: int = 32
    rounding: bool = True


@dataclass(frozen=True)
class Region:
    """What is repainted. width, height: what the network works at; masks are L, 255 = repainted.

    crop: the part of the source picture that is worked on; None: all of it. mask: at width x height, blurred. latent: what the latents' mask and the
    fill are made from, at width x height (`mask` unless another was given). overlay: what shows the result at the end; of the source picture's size
    with a crop, else width x height. resize_mode: how whole pictures come to width x height. rounding: as in MaskRule.
    """

    width: int
    height: int
    crop: Box | None
    mask: Image.Image
    latent: Image.Image
    overlay: Image.Image
    resize_mode: int
    rounding: bool


def grey(mask: Image.Image, rounding: bool = True) -> Image.Image:
    """Any mask picture as L. One with transparency counts by its alpha: in above 128, else out (rounding off: as it stands); others by their grey."""
    if mask.has_transparency_data:
        alpha = mask.convert("RGBA").getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha.point([255 if value > 128 else 0 for value in range(256)]) if rounding else alpha
    return mask.convert("L")


def blurred(mask: Image.Image, x: float, y: float) -> Image.Image:
    """L, by OpenCV's Gaussian of sigma x along rows, then sigma y along columns; 0 leaves a direction alone. The kernel reaches 2.5 sigma.
    Raises InvalidRequest above MAX_BLUR."""
    if max(x, y) > MAX_BLUR:
        raise InvalidRequest(f"A mask blur of {max(x, y):g} pixels is too large.", f"Give 0 to {MAX_BLUR}.")
    array = _blurred_down(np.asarray(mask).T, x).T
    return Image.fromarray(np.ascontiguousarray(_blurred_down(array, y)))


def _blurred_down(array: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Along columns only: OpenCV is up to a hundred times slower along rows, and the bits are the same."""
    if not sigma > 0:
        return array
    return cast("NDArray[np.uint8]", cv2.GaussianBlur(np.ascontiguousarray(array), (1, 2 * int(2.5 * sigma + 0.5) + 1), sigma))


def crop_box(mask: Image.Image, padding: int, width: int, height: int) -> Box | None:
    """What surrounds all that is not black in a mask, with padding, grown to the shape of width x height as far as the picture reaches.
    None: all is black."""
    box, padding = mask.getbbox(), max(padding, 0)
    if box is None:
        return None
    left, top, right, bottom = max(box[0] - padding, 0), max(box[1] - padding, 0), min(box[2] + padding, mask.width), min(box[3] + padding, mask.height)
    wide, high = right - left, bottom - top
    if wide * height > width * high:
        top, bottom = _grown(top, bottom, int(wide / (width / height) - high), mask.height)
    else:
        left, right = _grown(left, right, int(high * (width / height) - wide), mask.width)
    return left, top, right, bottom


def _grown(low: int, high: int, more: int, limit: int) -> tuple[int, int]:
    """The span with `more` pixels added, half below; shifted into 0..limit, and cut where it is longer than that."""
    low, high = low - more // 2, high + more - more // 2
    shift = max(high - limit, 0)
    low, high = low - shift, high - shift
    shift = max(-low, 0)
    return low + shift, min(high + shift, limit)


def region(
    mask: Image.Image,
    source: tuple[int, int],
    width: int,
    height: int,
    rule: MaskRule,
    resize_mode: int = ResizeMode.STRETCH,
    latent: Image.Image | None = None,
) -> Region | None:
    """What to repaint of a picture of the size `source` when the network works at width x height.

    None: only the masked part was asked for, and nothing is masked; A1111 then repaints all, as img2img without a mask.
    latent: another, unblurred mask for the latents alone (outpainting).
    """
    drawn = grey(mask, rule.rounding)
    drawn = blurred(ImageOps.invert(drawn) if rule.invert else drawn, *rule.blur)
    crop: Box | None = None
    if rule.only_masked:
        overlay = drawn if drawn.size == source else drawn.resize(source, Image.Resampling.LANCZOS)
        crop = crop_box(overlay, rule.padding, width, height)
        if crop is None:
            return None
        fitted = resize_image(ResizeMode.FILL, overlay.crop(crop), width, height)
    else:
        fitted = resize_image(resize_mode, drawn, width, height)
        # doubled, so that the originals only begin to show through where the mask falls below half
        overlay = fitted.point([min(2 * value, 255) for value in range(256)])
    apart = fitted if latent is None else resize_image(resize_mode, latent.convert("L"), width, height)
    return Region(width, height, crop, fitted, apart, overlay, resize_mode, rule.rounding)


def network_picture(image: Image.Image, where: Region, upscaler: Upscaler | None = None) -> Image.Image:
    """The part of an RGB picture that the network sees, at width x height; with the resize mode LATENT and no crop the picture as it is, since then
    its latents are resized."""
    if where.crop is None:
        if where.resize_mode == ResizeMode.LATENT:
            return image
        return resize_image(where.resize_mode, image, where.width, where.height, upscaler)
    return resize_image(ResizeMode.FILL, image.crop(where.crop), where.width, where.height, upscaler)


def overlay_picture(image: Image.Image, where: Region, upscaler: Upscaler | None = None) -> Image.Image:
    """The RGB original in the size of the overlay, for `overlay.original`: the source picture itself with a crop, else at width x height."""
    return image if where.crop is not None else resize_image(where.resize_mode, image, where.width, where.height, upscaler)


def pixel_mask(where: Region) -> Tensor:
    """[1, 1, height, width] float32 in pixels of what the network works at, 1 = repainted; 0 and 1 only when the rule rounds (halves to even)."""
    array = np.asarray(where.mask.convert("L"), np.float32) / 255
    return torch.from_numpy(np.around(array) if where.rounding else array)[None, None]


def latent_mask(where: Region, height: int, width: int) -> Tensor:
    """[1, height, width] float32 in latents, 1 = repainted; 0 and 1 only when the rule rounds (halves to even)."""
    array = np.asarray(where.latent.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255
    return torch.from_numpy(np.around(array) if where.rounding else array)[None]
