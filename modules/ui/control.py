"""ControlNet, T2I-Adapter and IP-Adapter units on the page: the accordion of both forms, what its menus offer, and the preview of a map.

A unit has many parts and there are up to eight in each form, so they are no widgets of Gradio's: `assets/control.js` shows them, and what is switched on stands
as JSON in one hidden box of the form.
"""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import Any

import gradio as gr
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.catalog.card import Card
from modules.catalog.titles import title
from modules.core.control import LIMIT, ControlUnit
from modules.core.errors import InvalidRequest
from modules.core.params import from_dict, literal_names, to_dict, walk
from modules.core.records.annotators import ANNOTATORS, usable
from modules.core.records.control_types import TYPES, UNION_OF
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest
from modules.engine.control_files import where
from modules.imaging.background import flatten
from modules.imaging.control import perfect_resolution
from modules.imaging.opening import opened
from modules.ui import layout
from modules.ui.form import Form
from modules.ui.live import FILE_HEADERS, told, translated

ACCORDION: layout.Accordions = (("ControlNet", "controlnet", (("control",),)),)
"""As the others, for its mark: what stands in it is made by `build`."""
LARGEST = 1024
"""Pixels of a side of a previewed map."""


def build(form: Form[GenerationRequest]) -> None:
    """Makes the accordion in the current place of the page."""
    box = form.put("control", visible="hidden", container=False)
    box.change(None, box, None, js=f"(value) => window.easel.control.arrived('{form.prefix}', value)", show_progress="hidden")
    with gr.Accordion("ControlNet", open=False, elem_id=f"{form.prefix}_controlnet", elem_classes="easel-accordion"):
        gr.HTML('<div class="easel-control"></div>', elem_id=f"{form.prefix}_control_units", apply_default_css=False)


def routes(app: App) -> list[Route]:
    async def desk(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(offered, app))

    async def preview(request: Request) -> Response:
        wish = await told(request)
        return Response(await run_in_threadpool(shown, app, wish), media_type="image/png", headers={**FILE_HEADERS, "cache-control": "no-store"})

    async def refresh(request: Request) -> Response:
        await told(request)
        await run_in_threadpool(app.library.refresh)
        return JSONResponse({})

    return [
        Route("/easel/control/refresh", translated(refresh), methods=["POST"]),
        Route("/easel/control", translated(desk), methods=["GET"]),
        Route("/easel/control/map", translated(preview), methods=["POST"]),
    ]


def offered(app: App) -> dict[str, Any]:
    """What a unit may be made of, and for which checkpoints."""
    files = app.library.files("controlnet", "controlnet-union", "t2i-adapter", "ip-adapter")
    networks = {card.architecture for card in app.library.files("annotator") if not card.trouble}
    lists = {field.name: literal_names(field.type) for field in walk(ControlUnit) if literal_names(field.type)}
    return {
        "most": LIMIT,
        "unit": to_dict(ControlUnit()),
        "lists": lists,
        "types": TYPES,
        "unions": UNION_OF,
        "modules": [
            {
                "name": record.name,
                "tags": record.tags,
                "dials": [asdict(dial) for dial in record.dials],
                "sized": record.sized,
                "masked": record.masked,
                "hint": record.hint,
                "missing": "" if usable(record, networks) else where(record),
            }
            for record in ANNOTATORS
        ],
        "models": [{"name": card.name, "kind": card.kind, "base": base(card), "made": title(card.architecture)} for card in files if not card.trouble],
        "checkpoints": {name: checkpoint(card) for card in app.library.checkpoints() for name in (card.title, card.name, str(card.path))},
    }


def base(card: Card) -> str:
    """The word for what it is made for, without its variant; "" where the header does not tell."""
    return card.architecture.partition("-")[0]


def checkpoint(card: Card) -> dict[str, str]:
    """lacks: why control units cannot act on it; "" where they can."""
    record = FAMILIES.find(card.family) if card.family else None
    return {"base": base(card), "lacks": record.lacks.get("control", "") if record else ""}


def shown(app: App, wish: dict[str, Any]) -> bytes:
    """The map of a unit as a PNG. wish: {unit, width, height}. Raises InvalidRequest, NotFound, BadPicture, and what `App.control_map` raises."""
    unit = from_dict(ControlUnit, wish.get("unit"))
    if not unit.image:
        raise InvalidRequest("This unit has no picture.", "Drop one on it first.", "control")
    image = flatten(opened(app.blobs.get(unit.image, "control")))
    sides = [wish.get(name) for name in ("width", "height")]
    resolution = unit.resolution
    if unit.pixel_perfect and all(isinstance(side, int) and 0 < side <= 16384 for side in sides):
        resolution = perfect_resolution(image.size, (int(sides[0] or 0), int(sides[1] or 0)), unit.resize_mode)
    made = app.control_map(unit, image, resolution)
    made.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    out = io.BytesIO()
    made.save(out, "PNG", compress_level=1)
    return out.getvalue()
