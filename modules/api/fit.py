"""/v1/fit: what a request will need of memory. Makes no picture and loads nothing."""

from __future__ import annotations

from dataclasses import asdict
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
from modules.engine.fitting import Fit


def router(app: App) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["Easel"])

    @routes.post("/fit", openapi_extra={**takes(GenerationRequest), **gives(Fit)})
    async def fit(request: Request) -> JSONResponse:
        """What a request will need of memory against what is free, in bytes; how its model will be placed, whether the VAE will work in tiles, and the same in
        words where there is something to say. `unknown` for kinds of models that no formula is known for."""
        wanted = await json_object(request)
        return JSONResponse(await in_few(_looked_at, app, wanted))

    return routes


def _looked_at(app: App, wanted: dict[str, Any]) -> dict[str, Any]:
    return asdict(app.fit(filled(app, wanted)))
