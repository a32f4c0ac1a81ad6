"""A1111's bodies of /extra-single-image and /extra-batch-images -> an extras request, and its result -> A1111's answer. Knows no HTTP."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from modules.core.errors import BadPicture, EaselError
from modules.core.extras import LARGEST, ExtrasRequest
from modules.core.params import with_values
from modules.core.result import Result

MOST = 100
"""Pictures of one body."""


class Extras(BaseModel):
    """resize_mode: 0 by `upscaling_resize`, 1 to `upscaling_resize_w` x `upscaling_resize_h` (with `upscaling_crop` cut to exactly that).
    upscale_first: taken and without effect, as in A1111 since 1.1: pictures are enlarged first, then faces restored."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    resize_mode: Literal[0, 1] = 0
    show_extras_results: bool = True
    gfpgan_visibility: float = Field(0, ge=0, le=1)
    codeformer_visibility: float = Field(0, ge=0, le=1)
    codeformer_weight: float = Field(0, ge=0, le=1)
    upscaling_resize: float = Field(2, ge=0.05, le=16)
    upscaling_resize_w: int = Field(512, ge=1, le=LARGEST)
    upscaling_resize_h: int = Field(512, ge=1, le=LARGEST)
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = Field(0, ge=0, le=1)
    upscale_first: bool = False


class ExtrasSingle(Extras):
    """image: base64 of a picture file, also as a `data:` URL."""

    image: str = ""


class FileData(BaseModel):
    """data: as `image` of the single one. name: of the file, for the caller."""

    data: str
    name: str = ""


class ExtrasBatch(Extras):
    """imageList: the pictures, answered in this order."""

    imageList: list[FileData] = Field(max_length=MOST)  # noqa: N815 (A1111's name)


NAMES: Mapping[str, str] = {
    "upscaling_resize": "scale",
    "upscaling_resize_w": "width",
    "upscaling_resize_h": "height",
    "upscaling_crop": "crop",
    "upscaler_1": "upscaler",
    "upscaler_2": "second",
    "extras_upscaler_2_visibility": "second_visibility",
    "gfpgan_visibility": "faces.gfpgan",
    "codeformer_visibility": "faces.codeformer",
    "codeformer_weight": "faces.codeformer_weight",
}
"""A1111's name -> the field of our request."""


def request_of(wish: Extras, images: list[str]) -> ExtrasRequest:
    """images: references. Raises InvalidRequest."""
    values: dict[str, Any] = {field: getattr(wish, name) for name, field in NAMES.items()}
    return with_values(ExtrasRequest(), {**values, "resize": "Scale to" if wish.resize_mode else "Scale by", "images": images})


def foreign(error: EaselError) -> EaselError:
    """The same complaint under A1111's name of the field."""
    error.field = next((name for name, field in NAMES.items() if field == error.field), error.field)
    return error


def images_of(result: Result[ExtrasRequest], wanted: int) -> list[str]:
    """base64 of each picture, in order. Raises BadPicture where one could not be made; an interrupted run answers with what it has."""
    if len(result.pictures) < wanted and result.notes:
        raise BadPicture("Not every picture could be made.", result.notes[0], "imageList")
    return [base64.b64encode(picture.data).decode() for picture in result.pictures]


def as_html(result: Result[ExtrasRequest]) -> str:
    """What was done to the first picture."""
    said = next((picture.infotext for picture in result.pictures), "")
    return f"<p>{escape(said)}</p>" if said else ""
