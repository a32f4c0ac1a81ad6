"""Brings a control map to the size of a drawing, and to the part of it that is drawn. PIL and numpy only; knows no network.

Rules: A1111's ControlNet extension, by what its modes are called and show: stretched, cropped around the middle, or whole with the rim's colour beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modules.core.control import ControlFit

Size = tuple[int, int]
Box = tuple[int, int, int, int]


class Frame(NamedTuple):
    """whole: size of the picture that the control picture belongs to. box: the part of it that is drawn. size: at which that part is drawn, in pixels."""

    whole: Size
    box: Box
    size: Size

    @classmethod
    def of(cls, size: Size) -> Frame:
        """All of a picture, at its own size."""
        return cls(size, (0, 0, *size), size)


def perfect_resolution(image: Size, whole: Size, mode: ControlFit) -> int:
    """Pixels of the shorter side at which a preprocessor sees the picture as it will stand in the drawing ("pixel perfect")."""
    scales = (whole[0] / image[0], whole[1] / image[1])
    scale = min(scales) if mode == "Resize and Fill" else max(scales)
    return int(np.clip(round(min(image) * scale), 64, 4096))


def framed(image: Image.Image, mode: ControlFit, frame: Frame, fill: tuple[int, ...] | int | None = None) -> Image.Image:
    """The part of a map that is drawn, at the size of the drawing. fill: beside a picture that is shown whole; None for the middle colour of its rim."""
    placed = fitted(image, mode, frame.whole, fill)
    part = placed if frame.box == (0, 0, *frame.whole) else placed.crop(frame.box)
    return _resized(part, frame.size)


def fitted(image: Image.Image, mode: ControlFit, size: Size, fill: tuple[int, ...] | int | None = None) -> Image.Image:
    if mode == "Just Resize":
        return _resized(image, size)
    scales = (size[0] / image.width, size[1] / image.height)
    scale = max(scales) if mode == "Crop and Resize" else min(scales)
    inner = _resized(image, (max(round(image.width * scale), 1), max(round(image.height * scale), 1)))
    left, top = (size[0] - inner.width) // 2, (size[1] - inner.height) // 2
    if mode == "Crop and Resize":
        return inner.crop((-left, -top, -left + size[0], -top + size[1]))
    canvas = Image.new(image.mode, size, _rim(inner) if fill is None else fill)
    canvas.paste(inner, (left, top))
    return canvas


def values(image: Image.Image, channels: int, hidden: Image.Image | None = None) -> NDArray[np.float32]:
    """[channels, H, W] in 0..1. hidden: of the same size, white where nothing is known; those pixels are -1 (an inpainting ControlNet's rule)."""
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.float32) / 255
    pixels = pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
    if hidden is not None:
        pixels = np.where(np.asarray(hidden.convert("L"))[None] > 127, np.float32(-1), pixels)
    return np.ascontiguousarray(pixels, np.float32)


def _resized(image: Image.Image, size: Size) -> Image.Image:
    if image.size == size:
        return image
    shrinks = size[0] * size[1] < image.width * image.height
    return image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC)


def _rim(image: Image.Image) -> tuple[int, ...] | int:
    """The middle colour of the outermost pixels."""
    pixels = np.asarray(image)
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    middle = tuple(int(value) for value in np.median(rim, axis=0))
    return middle if len(middle) > 1 else middle[0]
