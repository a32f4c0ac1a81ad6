"""The routes under /sdapi/v1 that act on the server itself: letting go of models, and, where the command line allows it, ending the process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse

from modules.app import App
from modules.core.errors import Unsupported

Stop = Callable[[], None]


def end_process() -> None:
    """As a SIGTERM from outside: the running job ends at its next step, and what waits is kept for the next start."""
    signal.raise_signal(signal.SIGTERM)


def router(app: App, may_stop: bool, stop: Stop = end_process) -> APIRouter:
    """may_stop: whether there are routes that end the process; stop: how."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"])

    @routes.post("/unload-checkpoint")
    async def unload_checkpoint() -> JSONResponse:
        """Frees the memory that models take, once the running job is done; the next job loads what it needs."""
        await asyncio.wrap_future(app.unload())
        return JSONResponse({})

    @routes.post("/reload-checkpoint")
    async def reload_checkpoint() -> JSONResponse:
        """Loads the default model ahead of the next job, once the running one is done."""
        await asyncio.wrap_future(app.reload())
        return JSONResponse({})

    if not may_stop:
        return routes

    @routes.post("/server-stop")
    @routes.post("/server-kill")
    async def server_stop() -> JSONResponse:
        """Ends this server after this answer. Only with --api-server-stop."""
        return JSONResponse("Stopping.", background=BackgroundTask(stop))

    @routes.post("/server-restart")
    async def server_restart() -> JSONResponse:
        """Not built. Only with --api-server-stop."""
        raise Unsupported("Easel cannot start itself again.", "POST /sdapi/v1/server-stop, and start it from outside.")

    return routes
