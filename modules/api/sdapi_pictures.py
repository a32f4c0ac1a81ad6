"""The routes under /sdapi/v1 that work on finished pictures: extras, png-info; and interrogate, which says that it is not built."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from modules.api.bodies import typed
from modules.api.pictures import Pictures
from modules.api.schemas import takes
from modules.api.sdapi_extras import Extras, ExtrasBatch, ExtrasSingle, as_html, encoded, enlarged
from modules.api.threads import in_few
from modules.core.errors import BadPicture, Unsupported
from modules.infotext import files, grammar


class PngInfo(BaseModel):
    """image: base64 of a picture file, also as a `data:` URL."""

    image: str


class Interrogate(BaseModel):
    """image: as above. model: "clip" or "deepdanbooru"."""

    image: str = ""
    model: str = "clip"


def router(pictures: Pictures) -> APIRouter:
    routes = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"])

    def enlarge(text: str, field: str, wish: Extras) -> tuple[str, dict[str, Any]]:
        if not text:
            raise BadPicture(f"{field}: there is no picture.", "Send one in base64.", field)
        data = pictures.data(text, field)
        result, done = enlarged(pictures.opened(data, field), wish)
        return encoded(result, _parameters(data), done), done

    @routes.post("/extra-single-image", openapi_extra=takes(ExtrasSingle))
    async def extra_single_image(request: Request) -> JSONResponse:
        """Enlarges a picture."""
        body = await typed(request, ExtrasSingle)
        image, done = await in_few(enlarge, body.image, "image", body)
        return JSONResponse({"html_info": as_html(done), "image": image})

    @routes.post("/extra-batch-images", openapi_extra=takes(ExtrasBatch))
    async def extra_batch_images(request: Request) -> JSONResponse:
        """Enlarges several pictures alike."""
        body = await typed(request, ExtrasBatch)
        made = [await in_few(enlarge, one.data, f"imageList.{place}", body) for place, one in enumerate(body.imageList)]
        return JSONResponse({"html_info": as_html(made[0][1]) if made else "", "images": [image for image, _ in made]})

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


def _parameters(data: bytes) -> str:
    try:
        return files.read(data).parameters
    except BadPicture:  # a format that keeps no text
        return ""
