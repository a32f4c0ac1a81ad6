"""Menus of many files: checkpoints, refiners, styles. The document holds of their entries only what is chosen; the browser asks for all of them when a menu is
opened, and puts them away when it is left (`assets/entries.js`). So a page with a thousand checkpoints is as light as one with three: Gradio copies the entries
of every menu whose value it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.core.errors import NotFound
from modules.ui.form import Form
from modules.ui.live import translated
from modules.ui.talk import QUIET

Entries = Callable[[], Sequence[tuple[str, str]]]


def menus(forms: Iterable[Form[Any]]) -> dict[str, tuple[gr.Dropdown, Entries]]:
    """(menu, its entries) of each that stands on the page, by element id; once all are made."""
    found = {}
    for form in forms:
        for name, entries in form.long.items():
            if isinstance(menu := form.widgets.get(name), gr.Dropdown):
                found[str(menu.elem_id)] = (menu, entries)
    return found


def wire(forms: Iterable[Form[Any]]) -> list[str]:
    """Makes the hidden buttons, in the current place of the page, by which the browser fills menus and puts their entries away: nothing is sent. -> element ids."""
    held = menus(forms)
    boxes = [menu for menu, _ in held.values()]
    quiet = {**QUIET, "trigger_mode": "multiple"}
    full = gr.Button("", elem_id="easel_entries_full", visible="hidden")
    full.click(None, None, boxes, js="() => window.easel.entries.full()", **quiet).then(None, None, None, js="() => window.easel.entries.filled()", **quiet)
    short = gr.Button("", elem_id="easel_entries_short", visible="hidden")
    short.click(None, boxes, boxes, js="(...values) => window.easel.entries.short(values)", **quiet)
    return list(held)


def routes(forms: Sequence[Form[Any]]) -> list[Route]:
    held = {id: entries for id, (_, entries) in menus(forms).items()}

    async def listed(request: Request) -> Response:
        entries = held.get(request.path_params["menu"])
        if entries is None:
            raise NotFound("There is no such menu.", "Reload the page.", "menu")
        return JSONResponse({"entries": await run_in_threadpool(entries)}, headers={"cache-control": "no-store"})

    return [Route("/easel/entries/{menu}", translated(listed), methods=["GET"])]
