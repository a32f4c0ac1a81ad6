"""What the chosen picture will need of memory, for a line under its sizes (`assets/fit.js`). Nothing is loaded for it."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.params import walk, with_values
from modules.core.request import GenerationRequest
from modules.ui import fields
from modules.ui.live import told, translated

COUNTING = (
    "width",
    "height",
    "batch_size",
    "batched",
    "cfg_scale",
    "precision",
    "text_precision",
    "storage",
    "vae_full",
    "vae_tiled",
    "hires.enabled",
    "hires.scale",
    "hires.width",
    "hires.height",
    "hires.upscaler",
    "refiner.checkpoint",
    "faces.restore",
    "faces.restorer",
    "vae",
    "control",
    "guidance.apart",
)
"""What of a form decides about memory."""


def routes(app: App) -> list[Route]:
    async def fit(request: Request) -> Response:
        answer = await run_in_threadpool(_answer, app, await told(request))
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    return [Route("/easel/fit", translated(fit), methods=["POST"])]


def _answer(app: App, question: dict[str, Any]) -> dict[str, Any]:
    """question: {model, values: what the widgets of a panel hold}. -> {verdict, sentences}. Raises EaselError."""
    values, model = question.get("values", {}), question.get("model", "")
    if not isinstance(values, dict) or not isinstance(model, str):
        raise InvalidRequest("fit takes a model's name and values.")
    wanted = {field.name: fields.meant(field, values[field.name]) for field in walk(GenerationRequest) if field.name in COUNTING and field.name in values}
    found = app.fit(with_values(app.default_request(model), wanted))
    return {"verdict": found.verdict, "sentences": found.sentences}
