"""What the chosen checkpoint's family cannot do: which of the page's widgets lie dead, which entries of menus do not work, and that what dead widgets still hold is
not asked for. From the family's own record, by which the engine refuses it too. How that looks is `assets/lacking.js`'s matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.catalog.card import Card
from modules.core.errors import EaselError
from modules.core.params import named, with_values
from modules.core.records.families import FAMILIES, FamilyRecord
from modules.core.request import GenerationRequest
from modules.engine.companions import acting
from modules.engine.supports import fields_of, fitted
from modules.ui import axes
from modules.ui.form import Form
from modules.ui.live import told, translated

DEPTH = "depth"
"""The variant of checkpoints that draw after a depth map."""
OWN = ("hires.sampler", "hires.schedule")
"""Menus with a choice of their own, which no checkpoint brings."""
MENUS = ("sampler", "schedule", *OWN)


def routes(app: App, forms: Sequence[Form[GenerationRequest]]) -> list[Route]:
    def answer(model: str) -> dict[str, Any]:
        card = _card(app, model)
        record = FAMILIES.find(card.family) if card else None
        if card is None or record is None:
            return {}
        return {"lacks": dead(record, forms), "unsuited": unsuited(record, forms), "variant": card.variant}

    async def lacks(request: Request) -> Response:
        question = await told(request)
        return JSONResponse(await run_in_threadpool(answer, str(question.get("model", ""))), headers={"cache-control": "no-store"})

    return [Route("/easel/lacks", translated(lacks), methods=["POST"])]


def dead(record: FamilyRecord, forms: Sequence[Form[GenerationRequest]]) -> dict[str, str]:
    """Element id -> why, of every widget whose parameter the family lacks, or leaves idle."""
    found: dict[str, str] = {}
    for name, reason in {**record.idle, **record.lacks}.items():
        for field in fields_of(name):
            found |= {str(form.widgets[field.name].elem_id): reason for form in forms if field.name in form.widgets}
    return found


def _menus(record: FamilyRecord, form: Form[GenerationRequest]) -> Iterator[tuple[str, gr.Dropdown, tuple[str, ...]]]:
    """(parameter, its menu, the entries that work) of each menu of which not all do."""
    for name in MENUS:
        works = record.schedules if name.endswith("schedule") else record.samplers
        menu = form.widgets.get(name)
        if works and isinstance(menu, gr.Dropdown):
            yield name, menu, works


def unsuited(record: FamilyRecord, forms: Sequence[Form[GenerationRequest]]) -> dict[str, dict[str, Any]]:
    """Element id -> the places in a menu whose entries do not work, and why."""
    why = f"Does not work with {record.title}."
    plain = {
        str(menu.elem_id): {"why": why, "places": [place for place, (_, value) in enumerate(menu.choices) if value and value not in works]}
        for form in forms
        for _, menu, works in _menus(record, form)
    }
    return plain | {id: told for form in forms for id, told in axes.unsuited(record, form).items()}


def menus_of(forms: Sequence[Form[GenerationRequest]]) -> set[Component]:
    """Those that `fallen_back` asks for."""
    return {form.widgets[name] for form in forms for name in OWN if name in form.widgets}


def fallen_back(record: FamilyRecord, form: Form[GenerationRequest], values: Mapping[Component, Any]) -> tuple[dict[Component, Any], list[str]]:
    """-> (updates, what to say of them): menus of the second pass whose entry does not work with a newly chosen checkpoint go back to the first pass's. The first
    pass's own are set by what suits the checkpoint."""
    gone = [
        (name, menu, str(values.get(menu) or "")) for name, menu, works in _menus(record, form) if name in OWN and values.get(menu) not in (None, "", *works)
    ]
    said = [f"{named(GenerationRequest, name).param.label}: as in the first pass, for {value} does not work with {record.title}." for name, _, value in gone]
    return {menu: gr.update(value="") for _, menu, _ in gone}, said


def asked(app: App, request: GenerationRequest) -> GenerationRequest:
    """The request without what the family would refuse, without files and pictures that only other checkpoints take, and without restored faces where nothing restores
    any. What is idle stays, as a picture had it: that changes no pixel."""
    if app.lacking_faces(replace(request.faces, restorer="Automatic")):  # a browser may remember a value from when the files were here
        request = with_values(request, {"faces.restore": False})
    card = _card(app, request.model)
    record = FAMILIES.find(card.family) if card else None
    if card is None or record is None:
        return request
    depth = request.init.depth if card.variant == DEPTH else ""
    return with_values(fitted(request, record), {"companions": acting(request, card, app.library), "init.depth": depth})


def record_of(app: App, model: str) -> FamilyRecord | None:
    """None for a checkpoint that is not here, or cannot be used: its own error says so when it is drawn with."""
    card = _card(app, model)
    return FAMILIES.find(card.family) if card else None


def _card(app: App, model: str) -> Card | None:
    try:
        return app.library.checkpoint(model)
    except EaselError:
        return None
