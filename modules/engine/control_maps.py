"""What a control unit's network sees: its picture through the preprocessor, at the size and in the part of the drawing that a stage draws."""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor

from modules.core.blobs import Blobs
from modules.core.control import ControlUnit
from modules.core.records.annotators import ANNOTATORS
from modules.core.request import GenerationRequest
from modules.engine import start
from modules.engine.plan import Stage, growth
from modules.families.family import Model
from modules.imaging import masks
from modules.imaging.annotators import annotate
from modules.imaging.background import flatten
from modules.imaging.control import Frame, fitted, framed, perfect_resolution, values
from modules.imaging.opening import opened

PAPER = "#ffffff"
"""Behind transparent parts of a control picture."""


See = Callable[[ControlUnit, Image.Image, int], Image.Image]
"""(unit, its picture, resolution) -> the map."""


def plainly(unit: ControlUnit, picture: Image.Image, resolution: int) -> Image.Image:
    """Without a network."""
    return annotate(unit.module, picture, resolution, unit.threshold_a, unit.threshold_b)


def picture_of(unit: ControlUnit, request: GenerationRequest, blobs: Blobs) -> Image.Image:
    """RGB. Raises NotFound, BadPicture."""
    return flatten(opened(blobs.get(unit.image or request.init.image, "control")), PAPER)


def hidden_of(unit: ControlUnit, request: GenerationRequest, blobs: Blobs) -> Image.Image | None:
    """White where an inpainting network shall know nothing; None where the unit hides nothing."""
    if not ANNOTATORS.get(unit.module).masked:
        return None
    if unit.mask:
        return masks.grey(opened(blobs.get(unit.mask, "control")))
    if not request.mask.image:
        return None
    mask = masks.grey(opened(blobs.get(request.mask.image, "mask.image")))
    return Image.eval(mask, lambda value: 255 - value) if request.mask.invert else mask


def frame_of(request: GenerationRequest, stage: Stage, model: Model, blobs: Blobs) -> Frame:
    """Which part of which picture a stage draws."""
    multiple = model.record.multiple
    size = (stage.latent[2] * multiple, stage.latent[1] * multiple)
    if stage.window:
        return Frame(growth(request, native_of(model)).sheet, stage.window.shown, size)
    if request.init.image and request.mask.image and request.mask.area == "Only masked":
        source = flatten(opened(blobs.get(request.init.image, "init.image")), request.init.background)
        where = start.region(request, source, blobs)
        if where and where.crop:
            return Frame(source.size, where.crop, size)
    return Frame.of(size)


def native_of(model: Model) -> int:
    return model.card.native or model.record.native


def hint(unit: ControlUnit, request: GenerationRequest, frame: Frame, channels: int, fold: int, model: Model, blobs: Blobs, see: See = plainly) -> Tensor:
    """-> [1, channels, H, W] float32 in 0..1, -1 where nothing is known. fold: H and W are made multiples of it."""
    picture, hidden = picture_of(unit, request, blobs), hidden_of(unit, request, blobs)
    resolution = perfect_resolution(picture.size, frame.whole, unit.resize_mode) if unit.pixel_perfect else unit.resolution
    seen = see(unit, picture, resolution)
    if request.outpaints and not unit.image:
        seen, hidden = _on_sheet(seen, hidden, request, model, ANNOTATORS.get(unit.module).masked)
    frame = frame._replace(size=(-(-frame.size[0] // fold) * fold, -(-frame.size[1] // fold) * fold))
    shown = framed(seen, unit.resize_mode, frame)
    # beside a picture that is shown whole nothing is known, so there it is drawn
    behind = framed(hidden, unit.resize_mode, frame, fill=255) if hidden else None
    return torch.from_numpy(values(shown, channels, behind))[None]


def _on_sheet(seen: Image.Image, hidden: Image.Image | None, request: GenerationRequest, model: Model, masked: bool) -> tuple[Image.Image, Image.Image | None]:
    """The map of a picture that grows, where the picture lies on what is drawn: beside it nothing is known."""
    grown = growth(request, native_of(model))
    left, top, right, bottom = grown.picture
    sheet = Image.new("RGB", grown.sheet)
    sheet.paste(fitted(seen, "Just Resize", (right - left, bottom - top)), (left, top))
    if not masked:
        return sheet, None
    behind = Image.new("L", grown.sheet, 255)
    behind.paste(fitted(hidden, "Just Resize", (right - left, bottom - top)) if hidden else Image.new("L", (right - left, bottom - top)), (left, top))
    return sheet, behind
