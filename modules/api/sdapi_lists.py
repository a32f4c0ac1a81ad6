"""The routes under /sdapi/v1 that say what there is: models, samplers, upscalers, styles, scripts. What is not built yet answers an honest empty list."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse

from modules.api import models
from modules.api.sdapi_scripts import ScriptDesk
from modules.api.threads import in_thread
from modules.app import App
from modules.catalog.card import LORAS
from modules.core.options import Options


def router(app: App, options: Options) -> APIRouter:
    routes = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"])
    scripts = ScriptDesk(upscalers=app.upscaler_files)

    @routes.get("/samplers")
    async def samplers() -> JSONResponse:
        return JSONResponse(models.samplers())

    @routes.get("/schedulers")
    async def schedulers() -> JSONResponse:
        return JSONResponse(models.schedulers())

    @routes.get("/upscalers")
    async def upscalers() -> JSONResponse:
        """Those that enlarge pictures, for extras and hires fix."""
        return JSONResponse(models.upscalers(await in_thread(app.library.upscalers)))

    @routes.get("/realesrgan-models")
    async def realesrgan_models() -> JSONResponse:
        """Those among them that are Real-ESRGAN's."""
        return JSONResponse(models.real_esrgan(await in_thread(app.library.upscalers)))

    @routes.get("/face-restorers")
    async def face_restorers() -> JSONResponse:
        """Those whose files are here, for extras."""
        return JSONResponse(await in_thread(lambda: models.face_restorers(app.library.faces(), app.missing_faces())))

    @routes.get("/latent-upscale-modes")
    async def latent_upscale_modes() -> JSONResponse:
        """Those that enlarge latents, for hires fix alone."""
        return JSONResponse(models.latent_upscalers())

    @routes.get("/sd-models")
    async def sd_models() -> JSONResponse:
        """The checkpoints that can be used."""
        return JSONResponse(models.checkpoints(await in_thread(app.library.checkpoints)))

    @routes.get("/sd-vae")
    async def sd_vae() -> JSONResponse:
        """The VAEs that may stand in for a checkpoint's own, as the option sd_vae names them."""
        return JSONResponse(models.vaes(await in_thread(lambda: app.library.files("vae"))))

    @routes.get("/embeddings")
    async def embeddings() -> JSONResponse:
        """Textual inversions, by the name under which a prompt takes them in."""
        return JSONResponse(await in_thread(lambda: models.embeddings(app.library.embeddings())))

    @routes.get("/loras")
    async def loras() -> JSONResponse:
        """LoRAs, by the names under which a prompt takes them in."""
        return JSONResponse(await in_thread(lambda: models.loras(app.library.files(*LORAS))))

    @routes.get("/prompt-styles")
    async def prompt_styles() -> JSONResponse:
        """The table of styles, as `styles` of a request names them."""
        return JSONResponse(models.styles(await in_thread(app.styles)))

    @routes.get("/extensions")
    async def extensions() -> JSONResponse:
        """Those of Easel; the ones that failed or are switched off are not enabled."""
        return JSONResponse(models.extensions(await in_thread(app.extensions.entries)))

    @routes.get("/scripts")
    async def script_names() -> JSONResponse:
        return JSONResponse(scripts.lists())

    @routes.get("/script-info")
    async def script_info() -> JSONResponse:
        """The arguments of each script, in the order of `script_args`."""
        return JSONResponse(scripts.described())

    @routes.get("/cmd-flags")
    async def cmd_flags() -> JSONResponse:
        """How this server was started; passwords are not told."""
        return JSONResponse(models.command_line(options))

    @routes.get("/memory")
    async def memory() -> JSONResponse:
        """Bytes of the machine's and of the GPU's memory."""
        return JSONResponse(await in_thread(lambda: models.memory(app.gpu_memory())))

    for path in ("/refresh-checkpoints", "/refresh-vae", "/refresh-embeddings", "/refresh-loras"):
        routes.add_api_route(path, partial(_refresh, app), methods=["POST"], description="Looks through the folders again.")
    for path, answer in models.NOT_BUILT.items():
        routes.add_api_route(path, partial(_list, answer), methods=["GET"], description="Nothing of this is built yet; clients ask for it when they connect.")
    return routes


async def _list(answer: Any) -> JSONResponse:
    return JSONResponse(answer)


async def _refresh(app: App) -> JSONResponse:
    await in_thread(app.library.refresh)
    return JSONResponse(None)
