"""Styles on the page: their menu and buttons beside Generate, and the routes of the dialog that edits them.

The menu is a parameter's widget like any other; the dialog is drawn in the browser (`assets/styles.js`) and changes one style at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import EaselError, InvalidRequest
from modules.core.params import from_dict, with_values
from modules.core.request import TEXTS, GenerationRequest
from modules.engine.texts import styled
from modules.prompt.styles import Style
from modules.ui import layout
from modules.ui.form import Form
from modules.ui.live import told, translated
from modules.ui.talk import Answer, Said, Talk


@dataclass(frozen=True)
class Row:
    """apply: 📋. fresh: a hidden button that the dialog presses when the table has changed."""

    apply: gr.Button
    fresh: gr.Button


def tools(prefix: str) -> gr.Button:
    """Makes 📋 and 💾 in the current place of the page. -> 📋"""
    apply = layout.tool(prefix, "style_apply")
    layout.tool(prefix, "style_create")
    return apply


def place(form: Form[GenerationRequest], app: App, apply: gr.Button) -> Row:
    """Makes the menu and 🖌️ in the current place of the page."""
    prefix = form.prefix
    with gr.Row(elem_id=f"{prefix}_styles_row", elem_classes="easel-styles"):
        form.put("styles", info=None, min_width=0, scale=1)
        layout.tool(prefix, "styles_edit_button")
        fresh = gr.Button("Read the styles again", elem_id=f"{prefix}_styles_fresh", visible="hidden")
    return Row(apply, fresh)


def wire(rows: Sequence[tuple[Row, Form[GenerationRequest]]], app: App, talk: Talk) -> None:
    """What the buttons do. A change of the table reaches the menus of all forms."""
    menus = [form.widgets["styles"] for _, form in rows]

    def on_fresh(values: Mapping[Component, Any], user: str) -> Answer:
        return Answer({menu: listed(app, values[menu] or ()) for menu in menus})

    for row, form in rows:
        talk.on(row.fresh.click, on_fresh, set(menus), menus)
        boxes = {name: form.widgets[name] for name in (*TEXTS, "styles") if name in form.widgets}

        def on_apply(values: Mapping[Component, Any], user: str, boxes: Mapping[str, Component] = boxes, form: Form[GenerationRequest] = form) -> Answer:
            chosen = values[boxes["styles"]] or ()
            if not chosen:
                return Answer(said=Said("Choose styles in the menu beside this button first.", "No style is chosen"))
            request = with_values(GenerationRequest(), {name: values[box] or "" for name, box in boxes.items() if name != "styles"} | {"styles": list(chosen)})
            return Answer(form.fill(styled(request, app.styles), boxes))

        talk.on(row.apply.click, on_apply, set(boxes.values()), [*boxes.values()], explain=form.explain)


def names(app: App) -> list[str]:
    """Of all styles; none when the table cannot be read, which is said where they are used."""
    try:
        return list(app.styles())
    except EaselError:
        return []


def listed(app: App, chosen: Iterable[str]) -> dict[str, Any]:
    """The update of a menu that keeps what is chosen and still there; the browser asks for the others when it opens it."""
    known = names(app)
    kept = [name for name in chosen if name in known]
    return gr.update(choices=kept, value=kept)


def routes(app: App) -> list[Route]:
    """For the dialog: the table, and one change of it."""

    async def table(request: Request) -> Response:
        known = await run_in_threadpool(app.styles)
        held = {path.name for path in app.paths.all_styles} if len(app.paths.all_styles) > 1 else set()
        rows = [dataclasses.asdict(style) for style in known.values() if style.name.strip(" -") not in held]
        return JSONResponse({"styles": rows}, headers={"cache-control": "no-store"})

    async def change(request: Request) -> Response:
        question = await told(request)
        before, after = (_style(question.get(name)) for name in ("before", "after"))
        if before is None and after is None:
            raise InvalidRequest("There is nothing to change.", "Give the style before, after, or both.")
        await run_in_threadpool(app.change_style, before, after)
        return JSONResponse({})

    return [Route("/easel/styles", translated(table), methods=["GET"]), Route("/easel/styles", translated(change), methods=["POST"])]


def _style(told: Any) -> Style | None:
    if told is not None and (not isinstance(told, Mapping) or set(told) - {one.name for one in dataclasses.fields(Style)}):
        raise InvalidRequest("A style has a name, a prompt and a negative_prompt.", "Leave out what else was given.", "styles")
    return None if told is None else from_dict(Style, told)
