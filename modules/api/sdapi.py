"""The routes under /sdapi/v1: A1111's names and shapes around our queue.

Every handler hands waiting work to a thread or waits as a coroutine, so that hundreds of pending requests hold neither the event loop nor a thread each.
A client that goes away does not end its job, as in A1111; /interrupt does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from modules.api import models
from modules.api.bodies import json_object, picture_bytes, typed
from modules.api.logins import login
from modules.api.schemas import takes
from modules.api.sdapi_names import Txt2Img
from modules.api.sdapi_options import LoginOptions
from modules.api.sdapi_progress import Watcher
from modules.api.sdapi_reply import answer_of
from modules.api.sdapi_request import Wish, translate
from modules.api.threads import in_thread
from modules.app import App
from modules.core.options import Options
from modules.infotext import files, grammar
from modules.jobs.ticket import Ticket


class PngInfo(BaseModel):
    """image: base64 of a picture file, also as a `data:` URL."""

    image: str


def router(app: App, options: Options) -> APIRouter:
    """The routes, without a prefix for the caller to forget: each path is whole."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"])
    kept = LoginOptions(app.library.checkpoint)
    watcher = Watcher(app.queue)

    @routes.post("/txt2img", openapi_extra=takes(Txt2Img))
    async def txt2img(request: Request) -> JSONResponse:
        """Makes pictures and answers with them. The login's options are taken as they are now; later changes do not reach this request."""
        owner, body = login(request), await typed(request, Txt2Img)

        def submit() -> tuple[Wish, Ticket]:
            wish = translate(body, kept.of(owner), app.library.checkpoint)
            return wish, app.submit(wish.request, owner, wish.save)

        wish, ticket = await in_thread(submit)
        return JSONResponse(await in_thread(answer_of, await ticket.result_async(), wish))

    @routes.get("/options")
    async def get_options(request: Request) -> JSONResponse:
        """The defaults of this login's requests, and how this server is set up."""
        return JSONResponse(await in_thread(lambda: kept.shown(login(request), app.card(), _facts(app))))

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

    @routes.get("/samplers")
    async def samplers() -> JSONResponse:
        return JSONResponse(models.samplers())

    @routes.get("/schedulers")
    async def schedulers() -> JSONResponse:
        return JSONResponse(models.schedulers())

    @routes.get("/sd-models")
    async def sd_models() -> JSONResponse:
        """The checkpoints that can be used."""
        return JSONResponse(models.checkpoints(await in_thread(app.library.checkpoints)))

    @routes.post("/refresh-checkpoints")
    async def refresh_checkpoints() -> JSONResponse:
        """Looks through the folders again."""
        await in_thread(app.library.refresh)
        return JSONResponse(None)

    @routes.post("/png-info", openapi_extra=takes(PngInfo))
    async def png_info(request: Request) -> JSONResponse:
        """What a picture says about how it was made."""
        body = await typed(request, PngInfo)
        return JSONResponse(await in_thread(_said, body.image))

    @routes.get("/cmd-flags")
    async def cmd_flags() -> JSONResponse:
        """How this server was started; passwords are not told."""
        return JSONResponse(models.command_line(options))

    @routes.get("/memory")
    async def memory() -> JSONResponse:
        return JSONResponse(await in_thread(models.memory))

    for path, answer in models.NOT_BUILT.items():
        routes.add_api_route(path, partial(_list, answer), methods=["GET"], description="Nothing of this is built yet; clients ask for it when they connect.")
    return routes


async def _list(answer: Any) -> JSONResponse:
    return JSONResponse(answer)


def _said(image: str) -> dict[str, Any]:
    """A1111's answer to /png-info: its text, the other texts of the file, and the text taken apart."""
    found = files.read(picture_bytes(image, "image"))
    others = {name: text for name, text in found.chunks.items() if name != "parameters"}
    return {"info": found.parameters, "items": others, "parameters": grammar.parse(found.parameters) if found.parameters else {}}


def _facts(app: App) -> dict[str, Any]:
    """Keys that clients look for and that no request can change here. POST takes and ignores them."""
    return {
        "samples_save": app.settings.value.samples_save,
        "grid_save": False,
        "return_grid": False,
        "enable_pnginfo": True,
        "live_previews_enable": app.settings.value.live_previews_enable,
        "outdir_txt2img_samples": str(app.paths.outputs / "txt2img-images"),
    }
