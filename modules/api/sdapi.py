"""The routes under /sdapi/v1 that make pictures and watch them being made: A1111's names and shapes around our queue.

Every handler hands waiting work to a thread or waits as a coroutine, so that hundreds of pending requests hold neither the event loop nor a thread each.
A client that goes away does not end its job, as in A1111; /interrupt does.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from modules.api.bodies import json_object, typed
from modules.api.logins import login
from modules.api.pictures import Pictures
from modules.api.schemas import takes
from modules.api.sdapi_names import Img2Img, Tab, Txt2Img, foreign_name
from modules.api.sdapi_options import LoginOptions
from modules.api.sdapi_progress import Watcher
from modules.api.sdapi_reply import answer_of
from modules.api.sdapi_request import Desk, Wish, translate
from modules.api.sdapi_scripts import ScriptDesk
from modules.api.sdapi_tasks import Tasks
from modules.api.threads import in_few, in_thread
from modules.app import App
from modules.core.errors import EaselError
from modules.jobs.ticket import Ticket


def router(app: App, pictures: Pictures, tasks: Tasks) -> APIRouter:
    """The routes, without a prefix for the caller to forget: each path is whole."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"])
    kept = LoginOptions(app.library.checkpoint)
    watcher = Watcher(app.queue)
    desk = Desk(app.library.checkpoint, pictures.kept, ScriptDesk(upscalers=app.upscaler_files), app.lacking_faces)

    async def made(request: Request, body: BaseModel, tab: Tab) -> JSONResponse:
        owner = login(request)

        def submit() -> tuple[Wish, Ticket]:
            wish = translate(body, tab, kept.of(owner), desk)
            ticket = app.submit(wish.request, owner, wish.save, wish.saving)
            tasks.note(owner, wish.task, ticket.id)
            return wish, ticket

        try:
            wish, ticket = await (in_few(submit) if tab == "img2img" else in_thread(submit))
            result = await ticket.result_async()
        except EaselError as error:
            if error.field:
                error.field = foreign_name(error.field, tab)
            raise
        return await in_thread(lambda: JSONResponse(answer_of(result, wish, app.saving(wish.saving))))  # megabytes of base64 are no work for the event loop

    @routes.post("/txt2img", openapi_extra=takes(Txt2Img))
    async def txt2img(request: Request) -> JSONResponse:
        """Makes pictures and answers with them. The login's options are taken as they are now; later changes do not reach this request."""
        return await made(request, await typed(request, Txt2Img), "txt2img")

    @routes.post("/img2img", openapi_extra=takes(Img2Img))
    async def img2img(request: Request) -> JSONResponse:
        """Makes pictures from a picture and answers with them."""
        return await made(request, await typed(request, Img2Img), "img2img")

    @routes.get("/options")
    async def get_options(request: Request) -> JSONResponse:
        """The defaults of this login's requests, and how this server is set up."""
        return JSONResponse(await in_thread(lambda: kept.shown(login(request), app.card(), app.saving({}), facts(app))))

    @routes.post("/options", openapi_extra=takes(dict[str, Any]))
    async def set_options(request: Request) -> JSONResponse:
        """Changes the defaults of this login's requests; nobody else's. Takes whatever GET returns; unknown keys are ignored."""
        await in_thread(kept.change, login(request), await json_object(request))
        return JSONResponse(None)

    @routes.get("/progress")
    async def progress(request: Request, skip_current_image: bool = False) -> JSONResponse:
        """Of this login's running job."""
        return JSONResponse(watcher.progress(login(request), not skip_current_image), headers={"cache-control": "no-store"})

    @routes.post("/interrupt")
    async def interrupt(request: Request) -> JSONResponse:
        """Ends this login's running job, or takes its first waiting one out of the queue."""
        await in_thread(watcher.interrupt, login(request))
        return JSONResponse({})

    @routes.post("/skip")
    async def skip(request: Request) -> JSONResponse:
        """Leaves the picture that this login's running job is at."""
        await in_thread(watcher.skip, login(request))
        return JSONResponse(None)

    return routes


def facts(app: App) -> dict[str, Any]:
    """Keys that clients look for and that no request can change here. POST takes and ignores them."""
    settings = app.settings.value
    return {
        "live_previews_enable": settings.live_previews_enable,
        "api_enable_requests": settings.api_enable_requests,
        "api_forbid_local_requests": True,
    }
