"""/v1/models: every model file with what is known of it, and what is done with files: notes, the trash, converting, merging, fetching; /v1/tasks tells how far that is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modules.api.bodies import json_object
from modules.api.generate import uploaded
from modules.api.logins import login
from modules.api.schemas import takes
from modules.api.threads import in_few, in_thread
from modules.app import App
from modules.catalog.beside import Notes
from modules.core.errors import NotFound
from modules.core.params import from_dict
from modules.stock.getting import FromAddress, FromHub
from modules.stock.groups import BY_ID
from modules.stock.making import Conversion, Merging
from modules.stock.tasks import Task

T = TypeVar("T")


def router(app: App) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["Models"])
    stock = app.stock

    @routes.get("/models")
    async def models(group: str = "") -> JSONResponse:
        """Every model file, or those of one group: checkpoint, lora, embedding, vae, control, text-encoder, upscaler, other. `id` names one in the other addresses."""
        if group and group not in BY_ID:
            raise NotFound(f"There is no group {group[:40]!r}.", f"Give one of {', '.join(BY_ID)}.", "group")
        rows = await in_thread(stock.rows)
        return JSONResponse([row for row in rows if not group or row["group"] == group])

    @routes.post("/models/needed", openapi_extra=takes(bytes, "image/*"))
    async def needed(request: Request) -> JSONResponse:
        """The models that a picture's file names, and what of them is here: by any hash that tools write, else by name. Nothing is replaced."""
        data = await uploaded(request)
        return JSONResponse([answer.as_dict() for answer in await in_few(app.needed, data)])

    @routes.post("/models/look")
    async def look(request: Request, repository: str, revision: str = "") -> JSONResponse:
        """Asks the model hub what a repository holds: `offers` are what `/v1/models/get` takes."""
        return JSONResponse(await in_few(app.getting.look, repository[:400], revision[:100]))

    _starting(
        routes, "/models/convert", Conversion, app.making.convert, "Rewrites a model file as another: precision, averaged weights, layout. 202 with a task."
    )
    _starting(routes, "/models/merge", Merging, app.making.merge, "Merges checkpoints into a new one. 202 with a task.")
    _starting(routes, "/models/get", FromHub, app.getting.from_hub, "Fetches an offer of a repository. 202 with a task.")
    _starting(routes, "/models/fetch", FromAddress, app.getting.from_address, "Fetches a file from an address. 202 with a task.")

    @routes.get("/models/{id}")
    async def model(id: str) -> JSONResponse:
        """One model: notes, path, hash, metadata."""
        return JSONResponse(await in_thread(stock.detail, id))

    @routes.get("/models/{id}/tensors")
    async def tensors(id: str) -> JSONResponse:
        """Name, type and shape of every tensor, from the header."""
        return JSONResponse(await in_thread(stock.tensors, id))

    @routes.get("/models/{id}/thumb")
    async def thumb(id: str) -> Response:
        """The picture of its card, small."""
        return Response(await in_few(stock.thumb, id), media_type="image/webp", headers={"x-content-type-options": "nosniff"})

    @routes.put("/models/{id}/notes", openapi_extra=takes(Notes))
    async def note(id: str, request: Request) -> JSONResponse:
        """Keeps notes beside the model, as A1111 keeps them."""
        await in_thread(stock.note, id, await json_object(request))
        return JSONResponse({})

    @routes.delete("/models/{id}")
    async def bin(id: str) -> JSONResponse:
        """Moves it into the trash, with what lies beside it. -> the id under which it can be put back."""
        gone = await in_thread(stock.bin, id)
        return JSONResponse({"trash": gone.id, "files": list(gone.names)})

    @routes.post("/trash/{id}/restore")
    async def restore(id: str) -> JSONResponse:
        """Puts a model back where it was."""
        return JSONResponse({"path": str(await in_thread(stock.restore, id))})

    @routes.get("/tasks")
    async def tasks(request: Request) -> JSONResponse:
        """What is going on with model files, and what ended lately."""
        return JSONResponse([task.as_dict() for task in app.tasks.list(login(request))])

    @routes.get("/tasks/{id}")
    async def task(id: str, request: Request) -> JSONResponse:
        """One of them: state, share done, what came of it."""
        return JSONResponse(app.tasks.get(id, login(request)).as_dict())

    @routes.post("/tasks/{id}/cancel")
    async def cancel(id: str, request: Request) -> JSONResponse:
        """Ends it. What was fetched stays, to be gone on with."""
        app.tasks.cancel(id, login(request))
        return JSONResponse(app.tasks.get(id, login(request)).as_dict())

    return routes


def _starting(routes: APIRouter, path: str, kind: type[T], start: Callable[[T, str], Task], about: str) -> None:
    async def begin(request: Request) -> JSONResponse:
        wish = from_dict(kind, await json_object(request))
        return JSONResponse((await in_thread(start, wish, login(request))).as_dict(), 202)

    begun: Callable[[Request], Awaitable[Any]] = begin
    routes.add_api_route(path, begun, methods=["POST"], description=about, openapi_extra=takes(kind))
