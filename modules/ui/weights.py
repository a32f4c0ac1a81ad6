"""The question behind the button ⚖️ at a prompt: its tokens, and what their weights do. What is shown of the answer is `assets/weights.js`'s matter."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import InvalidRequest, Unavailable
from modules.core.params import walk, with_values
from modules.core.request import GenerationRequest
from modules.ui import fields
from modules.ui.live import told, translated

TEXTS = ("prompt", "negative_prompt", "model")
ACTING = tuple(field.name for field in walk(GenerationRequest) if field.path[0] == "text") + ("sampler", "steps", "spacing.sigmas")
"""What decides how a prompt is read: how brackets count, and how many calls its editing is spread over."""


def routes(app: App) -> list[Route]:
    async def prompt(request: Request) -> Response:
        question = await told(request)
        answer = await run_in_threadpool(_answer, app, question)
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    return [Route("/easel/prompt", translated(prompt), methods=["POST"])]


def _answer(app: App, question: dict[str, Any]) -> dict[str, Any]:
    """question: {prompt, negative_prompt, model, values: what the widgets of a panel hold, measure}. -> the anatomy, and why it is not measured although it was
    to be. Raises EaselError."""
    values, measure = question.get("values", {}), question.get("measure", False)
    if not isinstance(values, dict) or not isinstance(measure, bool) or not isinstance(question.get("model", ""), str):
        raise InvalidRequest("prompt takes texts, a model's name, values and whether to measure.")
    wanted = {field.name: fields.meant(field, values[field.name]) for field in walk(GenerationRequest) if field.name in ACTING and field.name in values}
    wanted |= {name: question[name] for name in TEXTS if name in question}
    request = with_values(app.default_request(question.get("model", "")), wanted)
    if measure:
        try:
            return dict(app.weigh_prompt(request))
        except Unavailable as error:
            return {**app.read_prompt(request), "why": str(error)}
    return app.read_prompt(request)
