"""What the page says about the LoRAs of a prompt while it is typed: which are not here or of another family, and what those for few steps need, by one click.

The line is drawn in the browser (`assets/loras.js`). Nothing is loaded for it.
"""

from __future__ import annotations

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
from modules.catalog.card import Card
from modules.catalog.few_steps import few_steps
from modules.core.errors import BadModelFile, InvalidRequest, NotFound
from modules.core.limits import PROMPT_LIMIT
from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.engine import loras
from modules.ui.form import Form
from modules.ui.live import told, translated
from modules.ui.talk import Answer, Talk

SET = ("sampler", "schedule", "steps", "cfg_scale")
"""What an offer may change."""
MOST = 20
"""LoRAs of one prompt that are looked at."""


def wire(form: Form[GenerationRequest], talk: Talk) -> None:
    """Makes the hidden button at whose press the form takes the values that the browser holds ready: JSON by parameter."""
    box = gr.Textbox(visible="hidden", show_label=False, container=False)
    suit = gr.Button("Take these values", elem_id=f"{form.prefix}_suit", visible="hidden")

    def on_suit(values: Mapping[Component, Any], user: str) -> Answer:
        try:
            wanted = json.loads(values[box] or "{}")
        except (ValueError, RecursionError):
            wanted = None
        if not isinstance(wanted, dict):
            raise InvalidRequest("These values cannot be used.", "Reload the page.")
        names = [name for name in SET if name in wanted]
        return Answer(form.fill(with_values(GenerationRequest(), {name: wanted[name] for name in names}), names))

    ready = f"() => window.easel.panels.{form.prefix}.suits"
    talk.on(suit.click, on_suit, {box}, [form.widgets[name] for name in SET if name in form.widgets], explain=form.explain, js=ready)


def routes(app: App) -> list[Route]:
    async def said(request: Request) -> Response:
        question = await told(request)
        prompt, model = question.get("prompt", ""), question.get("model", "")
        if not isinstance(prompt, str) or not isinstance(model, str) or len(prompt) > PROMPT_LIMIT:
            raise InvalidRequest("loras takes a prompt and a model's name.")
        return JSONResponse({"loras": await run_in_threadpool(rows, app, prompt, model)}, headers={"cache-control": "no-store"})

    return [Route("/easel/loras", translated(said), methods=["POST"])]


def rows(app: App, prompt: str, model: str) -> list[dict[str, Any]]:
    """Of each LoRA: name; state "missing" with the nearest names, "broken" with why, "other" with its family and the checkpoint's, or "here"; and what it offers."""
    try:
        names = list(dict.fromkeys(tag.name for tag in loras.tags(GenerationRequest(prompt=prompt))))[:MOST]
    except InvalidRequest:  # still being typed
        return []
    try:
        checkpoint: Card | None = app.library.checkpoint(model)
    except (NotFound, BadModelFile):
        checkpoint = None
    return [_row(app, name, checkpoint) for name in names]


def _row(app: App, name: str, checkpoint: Card | None) -> dict[str, Any]:
    shown = name[:80]
    try:
        card = loras.find(name, app.library)
    except BadModelFile as error:
        return {"name": shown, "state": "broken", "why": str(error)}
    if card is None:
        return {"name": shown, "state": "missing", "near": list(loras.nearest(name, app.library))}
    if checkpoint is not None and not loras.suits(card, checkpoint):
        return {"name": shown, "state": "other", "made": loras.spoken(card), "checkpoint": loras.spoken(checkpoint)}
    found = few_steps(card)
    return {"name": shown, "state": "here", "offer": {"what": found.what, "values": dict(found.values)} if found else None}
