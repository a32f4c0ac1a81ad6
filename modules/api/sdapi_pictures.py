"""The routes under /sdapi/v1 that work on finished pictures: extras, png-info; and interrogate, which says that it is not built."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from modules.api.bodies import typed
from modules.api.logins import login
from modules.api.pictures import Pictures
from modules.api.schemas import takes
from modules.api.sdapi_extras import Extras, ExtrasBatch, ExtrasSingle, as_html, foreign, images_of, request_of
from modules.api.threads import in_few, in_thread
from modules.app import App
from modules.core.errors import BadPicture, EaselError, Unsupported
from modules.core.extras import ExtrasRequest
from modules.core.result import Result
from modules.infotext import files, grammar
from modules.jobs.ticket import Ticket


class PngInfo(BaseModel):
    """image: base64 of a picture file, also as a `data:` URL."""

    image: str


class Interrogate(BaseModel):
    """image: as above. model: "clip" or "deepdanbooru"."""

    image: str = ""
    model: str = "clip"


def router(app: App, pictures: Pictures) -> APIRouter:
    routes = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"])

    async def enlarged(owner: str, wish: Extras, given: list[tuple[str, str]]) -> Result[ExtrasRequest]:
        """given: (picture as it was sent, field to blame). Nothing is saved, as in A1111."""

        def submit() -> Ticket:
            for text, field in given:
                if not text:
                    raise BadPicture(f"{field}: there is no picture.", "Send one in base64.", field)
            return app.submit(request_of(wish, [pictures.kept(text, field) for text, field in given]), owner, save=False)

        try:
            return await (await in_few(submit)).result_async()
        except EaselError as error:
            raise foreign(error) from None

    @routes.post("/extra-single-image", openapi_extra=takes(ExtrasSingle))
    async def extra_single_image(request: Request) -> JSONResponse:
        """Enlarges a picture and restores faces in it."""
        body = await typed(request, ExtrasSingle)
        result = await enlarged(login(request), body, [(body.image, "image")])
        images = await in_thread(images_of, result, 1)
        return JSONResponse({"html_info": as_html(result), "image": images[0] if images else ""})

    @routes.post("/extra-batch-images", openapi_extra=takes(ExtrasBatch))
    async def extra_batch_images(request: Request) -> JSONResponse:
        """Enlarges several pictures alike."""
        body = await typed(request, ExtrasBatch)
        if not body.imageList:
            return JSONResponse({"html_info": "", "images": []})
        result = await enlarged(login(request), body, [(one.data, f"imageList.{place}") for place, one in enumerate(body.imageList)])
        return JSONResponse({"html_info": as_html(result), "images": await in_thread(images_of, result, len(body.imageList))})

    @routes.post("/png-info", openapi_extra=takes(PngInfo))
    async def png_info(request: Request) -> JSONResponse:
        """What a picture says about how it was made."""
        body = await typed(request, PngInfo)
        return JSONResponse(await in_few(lambda: said_by(pictures.data(body.image, "image"))))

    @routes.post("/interrogate", openapi_extra=takes(Interrogate))
    async def interrogate(request: Request) -> JSONResponse:
        """Not built: no model that describes pictures comes with Easel."""
        body = await typed(request, Interrogate)
        what = f"model = {body.model[:60]!r}: describing pictures is not built yet."
        raise Unsupported(what, "Write the prompt by hand, or read one with /png-info.", "model")

    return routes


def said_by(data: bytes) -> dict[str, Any]:
    """A1111's answer to /png-info: its text, the other texts of the file, and the text taken apart."""
    found = files.read(data)
    others = {name: text for name, text in found.chunks.items() if name not in ("parameters", "UserComment")}
    return {"info": found.parameters, "items": others, "parameters": grammar.parse(found.parameters) if found.parameters else {}}
