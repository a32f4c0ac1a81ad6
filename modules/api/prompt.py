"""What a prompt is read as: /v1/prompt gives its tokens, their weights, and what A1111's rule and compel's make of them. Makes no picture."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from modules.api.bodies import json_object
from modules.api.generate import filled
from modules.api.schemas import gives, takes
from modules.api.threads import in_few
from modules.app import App
from modules.core.request import GenerationRequest
from modules.engine.anatomy import Anatomy


def router(app: App) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["Easel"])

    @routes.post("/prompt", openapi_extra={**takes(GenerationRequest), **gives(Anatomy)})
    async def prompt(request: Request, measure: bool = True) -> JSONResponse:
        """How the prompts of a request are read: AND parts, texts over time, chunks of 75 tokens, weights. With `measure` also what the weights do to the
        text encoder's vectors, without LoRAs: `change` is the length of the difference to the unweighted vector as a share of that one's; `factor` is by what
        A1111's rule multiplies it in the end; `scale` and `share` are compel's. 503 while pictures are made; without `measure` there is always an answer."""
        wanted = await json_object(request)
        return JSONResponse(await in_few(_looked_at, app, wanted, measure))

    return routes


def _looked_at(app: App, wanted: dict[str, Any], measure: bool) -> dict[str, Any]:
    request = filled(app, wanted)
    return dict(app.weigh_prompt(request)) if measure else app.read_prompt(request)
