"""Words at hand: earlier prompts, what extensions offer to insert, and the way by which the browser puts words into a form.

The lists are drawn in the browser (`assets/words.js`). Knows no extension; earlier prompts come from the history of jobs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import InvalidRequest, Unsupported
from modules.core.params import with_values
from modules.core.request import TEXTS, GenerationRequest
from modules.ui import layout
from modules.ui.form import Form
from modules.ui.live import translated, user_of
from modules.ui.talk import Answer, Talk

WORDS = (*TEXTS, "styles")
"""The parameters that the browser may set."""
LISTED = 100
"""Earlier prompts in one answer."""
FIND = 200
"""Characters that are looked for."""


def place(form: Form[GenerationRequest], app: App) -> None:
    """Makes the buttons in the current place of the page."""
    if app.options.prompt_history:
        layout.tool(form.prefix, "prompt_history")
    layout.tool(form.prefix, "insertions")
    layout.tool(form.prefix, "extra_networks")


def wire(form: Form[GenerationRequest], app: App, talk: Talk) -> None:
    """Makes the hidden button at whose press the form takes the words that the browser holds ready: JSON by parameter."""
    box = gr.Textbox(visible="hidden", show_label=False, container=False)
    recall = gr.Button("Take these words", elem_id=f"{form.prefix}_recall", visible="hidden")
    ready = f"() => window.easel.panels.{form.prefix}.words"

    def on_recall(values: Mapping[Component, Any], user: str) -> Answer:
        try:
            told = json.loads(values[box] or "{}")
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise InvalidRequest("These words cannot be used.", "Reload the page.")
        found = with_values(GenerationRequest(), {name: told[name] for name in WORDS if name in told})
        known = app.styles() if found.styles else {}
        found = dataclasses.replace(found, styles=tuple(name for name in found.styles if name in known))
        return Answer(form.fill(found, [name for name in WORDS if name in told]))

    talk.on(recall.click, on_recall, {box}, [form.widgets[name] for name in WORDS if name in form.widgets], explain=form.explain, js=ready)


def routes(app: App) -> list[Route]:
    async def earlier(request: Request) -> Response:
        if not app.options.prompt_history:
            raise Unsupported("Earlier prompts are not offered: Easel was started with --no-prompt-history.")
        user = user_of(request)
        find = request.query_params.get("find", "")[:FIND]
        found = await run_in_threadpool(app.store.wordings, LISTED, find, ("", user) if user else None)
        rows = [{"prompt": one.prompt, "negative_prompt": one.negative_prompt, "styles": list(one.styles)} for one in found]
        return JSONResponse({"words": rows}, headers={"cache-control": "no-store"})

    async def insertions(request: Request) -> Response:
        found = await run_in_threadpool(app.extensions.insertions)
        return JSONResponse({"insertions": [{"text": text, "about": about} for text, about in found.items()]}, headers={"cache-control": "no-store"})

    return [Route("/easel/words", translated(earlier), methods=["GET"]), Route("/easel/insertions", translated(insertions), methods=["GET"])]
