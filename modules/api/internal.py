"""Routes outside of A1111's API that its clients ask all the same: whether somebody is there, and how far a task of theirs is."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from modules.api.bodies import typed
from modules.api.logins import login
from modules.api.schemas import takes
from modules.api.sdapi_tasks import ProgressBody, Tasks

PING = "/internal/ping"
PATHS = ("/internal/progress", "/internal/pending-tasks")


def router(tasks: Tasks) -> APIRouter:
    routes = APIRouter(tags=["Easel"])

    @routes.get(PING)
    async def ping() -> JSONResponse:
        """Answers as soon as the server does."""
        return JSONResponse({})

    @routes.post("/internal/progress", openapi_extra=takes(ProgressBody))
    async def progress(request: Request) -> JSONResponse:
        """Of the job that was sent with this `force_task_id`."""
        asked = await typed(request, ProgressBody)
        return JSONResponse(tasks.progress(login(request), asked), headers={"cache-control": "no-store"})

    @routes.get("/internal/pending-tasks")
    async def pending(request: Request) -> JSONResponse:
        """The names of this login's tasks that wait or run."""
        return JSONResponse(tasks.pending(login(request)))

    return routes
