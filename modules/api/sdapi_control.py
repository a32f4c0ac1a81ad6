"""ControlNet as A1111's extension speaks it: the block `alwayson_scripts.controlnet`, and what there is under /controlnet.

Units are objects; a unit of values in a row, as versions before 1.1 had, is refused. Knows no network.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from fastapi import APIRouter
from PIL import Image
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from modules.api.bodies import typed
from modules.api.pictures import Pictures
from modules.api.schemas import takes
from modules.api.threads import in_few, in_thread
from modules.app import App
from modules.core.control import LIMIT, ControlFit, ControlMode, ControlPass, ControlUnit
from modules.core.errors import InvalidRequest
from modules.core.params import from_dict
from modules.core.records.annotators import ANNOTATORS, AnnotatorRecord, usable
from modules.core.records.control_types import ALL, TYPES, UNION_KINDS, models_of, modules_of
from modules.core.request import GenerationRequest
from modules.imaging.background import flatten

TITLE = "controlnet"
FIELD = "alwayson_scripts"
VERSION = 3
"""Of the extension's interface that this is like."""
MOST = 16
"""Pictures of one request for maps."""
NAMES: Mapping[str, str] = {
    "module": "module", "weight": "weight", "processor_res": "resolution", "threshold_a": "threshold_a", "threshold_b": "threshold_b",
    "guidance_start": "start", "guidance_end": "end", "guidance": "end", "pixel_perfect": "pixel_perfect",
}  # fmt: skip
"""The extension's fields -> ours."""
CHOICES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "control_mode": ("mode", get_args(ControlMode)),
    "resize_mode": ("resize_mode", get_args(ControlFit)),
    "hr_option": ("hires", get_args(ControlPass)),
    "union_control_type": ("union", UNION_KINDS),
}
"""Fields that take a name or its number."""
OLD_FITS = {"resize": "Just Resize", "scale to fit (inner fit)": "Crop and Resize", "inner fit": "Crop and Resize", "envelope (outer fit)": "Resize and Fill"}
HASHED = re.compile(r"^(?P<name>.*?)\s*\[(?P<hash>[0-9a-fA-F]{8,64})\]$")


def units_of(block: Any) -> list[dict[str, Any]]:
    """The switched-on units of the block's `args`. Raises InvalidRequest."""
    arguments = block.get("args") if isinstance(block, dict) else block
    arguments = [arguments] if isinstance(arguments, dict) else arguments or []
    if not isinstance(arguments, list) or any(not isinstance(unit, dict) for unit in arguments if unit not in (None, False)):
        raise InvalidRequest("The arguments of ControlNet are no list of objects.", 'Send {"controlnet": {"args": [{"model": ..., "image": ...}]}}.', FIELD)
    units = [unit for unit in arguments if isinstance(unit, dict) and unit.get("enabled", True) is not False]
    if len(units) > LIMIT:
        raise InvalidRequest(f"There are {len(units)} ControlNet units, and at most {LIMIT} act at once.", "Leave some out.", FIELD)
    return units


def requested(block: Any) -> list[dict[str, Any]]:
    """The units as values of `GenerationRequest.control`, still without their pictures. Raises InvalidRequest."""
    return [_unit(number, unit) for number, unit in enumerate(units_of(block), 1)]


def _unit(number: int, unit: Mapping[str, Any]) -> dict[str, Any]:
    model = str(unit.get("model") or "None")
    if model == "None":
        raise InvalidRequest(f"ControlNet unit {number} names no model.", "GET /controlnet/model_list names them.", FIELD)
    found = HASHED.match(model)
    values: dict[str, Any] = {"model": found["name"] if found else model}
    if found and len(found["hash"]) >= 10:  # shorter ones are A1111's old hash, of a small part of the file
        values["model_hash"] = found["hash"].lower()
    values |= {ours: unit[theirs] for theirs, ours in NAMES.items() if unit.get(theirs) is not None}
    if values.get("resolution", 0) in (-1, 0):
        values.pop("resolution", None)
    for theirs, (ours, names) in CHOICES.items():
        if unit.get(theirs) is not None:
            values[ours] = _chosen(unit[theirs], names, theirs)
    try:
        from_dict(ControlUnit, values)
    except InvalidRequest as error:
        raise InvalidRequest(f"ControlNet unit {number}: {error.what}", error.remedy, FIELD) from None
    return values


def _chosen(value: Any, names: Sequence[str], field: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    plain = str(value).strip().casefold()
    known = {name.casefold(): name for name in names} | (dict(OLD_FITS) if field == "resize_mode" else {})
    if plain not in known:
        raise InvalidRequest(f"{field} = {str(value)[:80]!r} is not usable.", f"Give one of {', '.join(names)}.", FIELD)
    return known[plain]


def with_pictures(request: GenerationRequest, blocks: Mapping[str, Any], keep: Callable[[str, str], str]) -> GenerationRequest:
    """The request with the pictures of its units, kept. Raises BadPicture, OutputTrouble, InvalidRequest."""
    units = [unit for title, block in blocks.items() if title.strip().casefold() == TITLE for unit in units_of(block)]
    if not request.control or not units:
        return request
    made = []
    for number, (wish, unit) in enumerate(zip(request.control, units, strict=True), 1):
        image, mask = _pictures(unit)
        if not image and not request.init.image:
            raise InvalidRequest(f"ControlNet unit {number} has no picture.", "Send it in `image`, in base64.", FIELD)
        made.append(replace(wish, image=keep(image, FIELD) if image else "", mask=keep(mask, FIELD) if mask else ""))
    return replace(request, control=tuple(made))


def _pictures(unit: Mapping[str, Any]) -> tuple[str, str]:
    """(picture, mask) as they were sent; "" for none. A picture may hold its mask, as Gradio's old sketches did."""
    image: Any = unit.get("image") or unit.get("input_image")
    mask: Any = unit.get("mask_image") or unit.get("mask")
    if isinstance(image, list):
        image = image[0] if image else None
    if isinstance(image, dict):
        image, mask = image.get("image"), mask or image.get("mask")
    for sent in (image, mask):
        if sent is not None and not isinstance(sent, str):
            raise InvalidRequest("A picture of a ControlNet unit is no text.", "Send it in base64.", FIELD)
    return image or "", mask or ""


class Detect(BaseModel):
    """controlnet_input_images: base64 of pictures. The rest as in a unit."""

    controlnet_module: str = "none"
    controlnet_input_images: list[str] = Field(default_factory=list, max_length=MOST)
    controlnet_processor_res: int = Field(512, ge=-1, le=4096)
    controlnet_threshold_a: float = -1
    controlnet_threshold_b: float = -1


def router(app: App, pictures: Pictures) -> APIRouter:
    routes = APIRouter(prefix="/controlnet", tags=["ControlNet"])

    def models() -> list[str]:
        cards = [card for card in app.library.files("controlnet", "controlnet-union", "t2i-adapter", "ip-adapter") if not card.trouble]
        return [f"{card.name} [{card.short_hash}]" if card.sha256 else card.name for card in cards]

    def networks() -> set[str]:
        return {card.architecture for card in app.library.files("annotator") if not card.trouble}

    @routes.get("/version")
    async def version() -> JSONResponse:
        return JSONResponse({"version": VERSION})

    @routes.get("/settings")
    async def settings() -> JSONResponse:
        return JSONResponse({"control_net_unit_count": LIMIT})

    @routes.get("/model_list")
    async def model_list(update: bool = True) -> JSONResponse:
        """ControlNets, T2I-Adapters and IP-Adapters. update: look through the folders again."""
        if update:
            await in_thread(app.library.refresh)
        return JSONResponse({"model_list": await in_thread(models)})

    @routes.get("/module_list")
    async def module_list(alias_names: bool = False) -> JSONResponse:
        """Preprocessors, with the numbers that each takes."""
        return JSONResponse({"module_list": ANNOTATORS.names(), "module_detail": {record.name: detail(record) for record in ANNOTATORS}})

    @routes.get("/control_types")
    async def control_types() -> JSONResponse:
        """What belongs to canny, depth, pose ..."""
        names = await in_thread(models)
        return JSONResponse({"control_types": dict(typed_rows(names, await in_thread(networks)))})

    @routes.post("/detect", openapi_extra=takes(Detect))
    async def detect(request: Request) -> JSONResponse:
        """Pictures as the maps that a model reads."""
        body = await typed(request, Detect)
        return JSONResponse({"images": await in_few(detected, body, app, pictures), "info": "Success"})

    return routes


def detail(record: AnnotatorRecord) -> dict[str, Any]:
    """model_free: an IP-Adapter's or a ControlNet's file is always wanted here."""
    sized = [{"name": "Resolution", "value": 512, "min": 64, "max": 2048, "step": 8}] if record.sized else []
    dials = [{"name": dial.label, "value": dial.value, "min": dial.minimum, "max": dial.maximum, "step": dial.step} for dial in record.dials]
    return {"model_free": False, "sliders": [*sized, *dials]}


def typed_rows(names: Sequence[str], networks: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """names: of control models. networks: kinds of those for learned preprocessors that are here; without its own, none is the usual choice."""
    for kind in (ALL, *TYPES):
        modules, models = modules_of(kind), models_of(kind, names)
        usual = next((name for name in modules[1:] if kind != ALL and usable(ANNOTATORS.get(name), networks)), "none")
        default = models[0] if models and kind != ALL else "None"
        yield kind, {"module_list": modules, "model_list": ["None", *models], "default_option": usual, "default_model": default}


def detected(body: Detect, app: App, pictures: Pictures) -> list[str]:
    """Raises InvalidRequest, BadPicture, and what `App.control_map` raises."""
    field = "controlnet_input_images"
    if not body.controlnet_input_images:
        raise InvalidRequest("No image selected", "Send pictures in controlnet_input_images, in base64.", field)
    unit = ControlUnit(module=body.controlnet_module, threshold_a=body.controlnet_threshold_a, threshold_b=body.controlnet_threshold_b)
    made = []
    for text in body.controlnet_input_images:
        image = flatten(pictures.opened(pictures.data(text, field), field))
        resolution = body.controlnet_processor_res if body.controlnet_processor_res >= 64 else 512
        made.append(encoded(app.control_map(unit, image, resolution)))
    return made


def encoded(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()
