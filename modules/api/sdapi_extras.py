"""A1111's extras: pictures enlarged without a model, in its order of things (upscale, crop, blend with a second upscaler). Pillow only; knows no route."""

from __future__ import annotations

import base64
import difflib
import io
from collections.abc import Mapping
from html import escape
from typing import Any, Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict, Field

from modules.core.errors import InvalidRequest, Unsupported
from modules.imaging.resize import UPSCALERS, upscale

MOST = 64 * 2**20
"""Pixels of a result."""
LARGEST = 16384
"""Pixels of a side."""


class Extras(BaseModel):
    """resize_mode: 0 by `upscaling_resize`, 1 to `upscaling_resize_w` x `upscaling_resize_h` (with `upscaling_crop` cut to exactly that)."""

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

    imageList: list[FileData] = Field(max_length=100)  # noqa: N815 (A1111's name)


def enlarged(image: Image.Image, wish: Extras) -> tuple[Image.Image, dict[str, Any]]:
    """The picture as it was asked for, and what was done to it, under A1111's keys. Raises InvalidRequest, Unsupported."""
    for name in ("gfpgan_visibility", "codeformer_visibility"):
        if getattr(wish, name) > 0:
            raise Unsupported(f"{name}: face restoration is not built yet.", "Leave it at 0.", name)
    first, second = known(wish.upscaler_1, "upscaler_1"), known(wish.upscaler_2, "upscaler_2")
    if UPSCALERS[first] is None:  # "None" leaves a picture as it is, whatever size was asked for
        return image, {}
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    result, done = _to_size(image, first, wish)
    done["Postprocess upscaler"] = first
    if UPSCALERS[second] is not None and wish.extras_upscaler_2_visibility > 0:
        result = Image.blend(result, _to_size(image, second, wish)[0], wish.extras_upscaler_2_visibility)
        done["Postprocess upscaler 2"] = second
    return result, done


def known(name: str, field: str) -> str:
    """The upscaler of that name, whatever its case. Raises InvalidRequest with the nearest ones."""
    found = next((one for one in UPSCALERS if one.casefold() == name.strip().casefold()), None)
    if found is None:
        near = difflib.get_close_matches(name[:80], UPSCALERS, 3, 0.3) or list(UPSCALERS)
        raise InvalidRequest(f"{field}: there is no upscaler {name[:80]!r}.", f"Near it: {', '.join(near)}.", field)
    return found


def _to_size(image: Image.Image, name: str, wish: Extras) -> tuple[Image.Image, dict[str, Any]]:
    width, height = wish.upscaling_resize_w, wish.upscaling_resize_h
    exact = wish.resize_mode == 1
    scale = max(width / image.width, height / image.height) if exact else wish.upscaling_resize
    large = image.width * scale, image.height * scale
    if max(large) > LARGEST or large[0] * large[1] > MOST:
        what = f"The result would have {large[0]:.0f} x {large[1]:.0f} pixels; at most {LARGEST} a side and {MOST // 10**6} million in all are made."
        raise InvalidRequest(what, "Enlarge it less.", "upscaling_resize")
    upscaler = UPSCALERS[name]
    assert upscaler is not None
    image = upscale(image, scale, upscaler)
    if not exact:
        return image, {"Postprocess upscale by": scale}
    done: dict[str, Any] = {"Postprocess upscale to": f"{width}x{height}"}
    if wish.upscaling_crop:
        sheet = Image.new("RGB", (width, height))
        sheet.paste(image, (width // 2 - image.width // 2, height // 2 - image.height // 2))
        image, done["Postprocess crop to"] = sheet, f"{width}x{height}"
    return image, done


def encoded(image: Image.Image, parameters: str, done: Mapping[str, Any]) -> str:
    """base64 of a PNG that keeps the text of the picture it was made from, and says in `postprocessing` what was done to it."""
    texts = PngInfo()
    if parameters:
        texts.add_text("parameters", parameters)
    if done:
        texts.add_text("postprocessing", said(done))
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=texts)
    return base64.b64encode(file.getvalue()).decode()


def said(done: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in done.items())


def as_html(done: Mapping[str, Any]) -> str:
    return f"<p>{escape(said(done))}</p>" if done else ""
