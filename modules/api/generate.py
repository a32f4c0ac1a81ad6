"""Easel's own API under /v1: keep a picture, submit a request, watch it, cancel it, look at the history, make a picture again from its file.

One schema, that of `GenerationRequest`, for what goes in and what comes out. Fields that are left out take what suits the model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from modules.api.bodies import json_object
from modules.api.jobs import as_json, picture_as_json
from modules.api.logins import login, require, theirs
from modules.api.pictures import Pictures
from modules.api.replies import WrongType
from modules.api.schemas import takes
from modules.api.threads import in_few, in_thread
from modules.app import App
from modules.core.errors import BadPicture, EaselError, NotFound
from modules.core.params import from_dict, to_dict
from modules.core.request import RECORDED, GenerationRequest
from modules.core.result import Cancel
from modules.core.wish import Wish
from modules.jobs.live import Live

KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif"}
PICTURE_HEADERS = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'", "cache-control": "private, max-age=86400"}
STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
QUIET = 15.0
"""Seconds after which a silent stream sends a comment, so that nothing in between gives it up."""
PACE = 0.1
"""Seconds between two events of progress at least."""


def router(app: App, pictures: Pictures) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["Easel"])

    @routes.post("/jobs", openapi_extra=takes(GenerationRequest))
    async def submit(request: Request) -> JSONResponse:
        """Puts a request into the queue. Fields that are left out take what suits the model."""
        wanted = await json_object(request)
        return await _submitted(app, request, lambda: filled(app, wanted))

    @routes.get("/jobs")
    async def queue(request: Request) -> JSONResponse:
        """What runs and what waits, in order."""
        return JSONResponse([as_json(app.queue.live(job.id), root=_root(request)) for job in app.queue.jobs() if theirs(job, login(request))])

    @routes.get("/jobs/{id}")
    async def job(id: str, request: Request) -> JSONResponse:
        return JSONResponse(as_json(await in_thread(_live, app, id, login(request)), root=_root(request)))

    @routes.get("/jobs/{id}/events")
    async def events(id: str, request: Request, preview: bool = False) -> Response:
        """Server-sent events: `progress` whenever there is some, `picture` for each that is finished, `end` with the job as it ended."""
        await in_thread(_live, app, id, login(request))
        return StreamingResponse(_events(app, id, preview, _root(request)), media_type="text/event-stream", headers=STREAM_HEADERS)

    @routes.post("/jobs/{id}/cancel")
    async def cancel(id: str, request: Request, how: Literal["stop", "skip", "none"] = "stop") -> JSONResponse:
        """stop: ends it. skip: leaves the picture that it is at. none: takes that back. Nothing to a finished one."""
        owner = login(request)
        await in_thread(_live, app, id, owner)
        await in_thread(app.queue.cancel, id, Cancel(how))
        return JSONResponse(as_json(await in_thread(_live, app, id, owner), root=_root(request)))

    @routes.get("/history")
    async def history(request: Request, limit: int = 50, before: str = "") -> JSONResponse:
        """Finished jobs, newest first, from the one after job `before` on; 500 at most."""
        owner = login(request)
        found = await in_thread(app.store.recent, limit, before, owner or None)
        return JSONResponse([as_json(Live(job=job), root=_root(request), moving=False) for job in found])

    @routes.get("/pictures/{number}")
    async def picture(number: int, request: Request) -> Response:
        """The file of a finished picture, as it was saved."""
        record = await in_thread(app.store.picture, number)
        require(await in_thread(app.queue.get, record.job), login(request))
        path = app.paths.outputs / record.path
        kind = KINDS.get(path.suffix.lower())
        if not record.path or kind is None or not await in_thread(path.is_file):
            raise NotFound(f"The file of picture {number} is not there.", "It was moved, deleted, or never asked to be kept.", "number")
        return FileResponse(path, media_type=kind, headers=PICTURE_HEADERS)

    @routes.post("/inputs", openapi_extra=takes(bytes, "image/*"))
    async def keep(request: Request) -> JSONResponse:
        """Keeps an uploaded picture for requests to start from: its `reference` goes into `init.image`, `init.depth`, `mask.image` or `mask.latent`."""
        data = await uploaded(request)

        def kept() -> str:
            pictures.opened(data, "image")
            return app.blobs.put(data)

        return JSONResponse({"reference": await in_few(kept)}, 201)

    @routes.post("/rerun", openapi_extra=takes(bytes, "image/*"))
    async def rerun(request: Request) -> JSONResponse:
        """Makes the picture of an uploaded file again: the file as the body, or as a form's first file. `rows` say what of it could be restored,
        `index` which of the run's pictures it was."""
        reading = await in_few(app.intake.again, await uploaded(request))
        wish = reading.again
        if wish is None:
            raise BadPicture("The picture does not say how it was made.", "Take one whose texts were not stripped, as chats and web pages do.", "image")
        rows = [{"key": row.key, "value": row.value, "state": row.state, "note": row.note} for row in reading.rows]
        told = {"source": reading.source or "Easel", "index": reading.index, "rows": rows, "hints": list(reading.notes)}
        return await _submitted(app, request, lambda: wish, **told)

    return routes


async def _submitted(app: App, request: Request, make: Callable[[], Wish], **more: Any) -> JSONResponse:
    """202 with the job. make: gives the request, in a thread."""
    owner, root = login(request), _root(request)
    ticket = await in_thread(lambda: app.submit(make(), owner))
    told = as_json(await in_thread(app.queue.live, ticket.id), root=root)
    return JSONResponse(told | more, 202, {"location": f"{root}/v1/jobs/{ticket.id}"})


def _root(request: Request) -> str:
    """The prefix under which a proxy shows us."""
    return str(request.scope.get("root_path", ""))


def filled(app: App, wanted: dict[str, Any]) -> GenerationRequest:
    """The request with what was left out taken from what suits its model. Raises InvalidRequest, NotFound."""
    model = wanted.get("model", "")
    if not isinstance(model, str):
        raise WrongType(f"model = {str(model)[:60]!r} is no name of a checkpoint.", "Give a text.", "model")
    tree = to_dict(app.default_request(model))
    for name, value in wanted.items():
        group = tree.get(name)
        tree[name] = {**group, **value} if isinstance(group, dict) and isinstance(value, dict) and name not in RECORDED else value
    return from_dict(GenerationRequest, tree)


def _live(app: App, id: str, owner: str) -> Live:
    live = app.queue.live(id)
    require(live.job, owner)
    return live


async def _events(app: App, id: str, preview: bool, root: str) -> AsyncIterator[str]:
    seen, seen_preview, sent = -1, -1, 0
    while True:
        version = app.queue.version
        try:
            live = await in_thread(app.queue.live, id)
        except EaselError as error:
            yield _event("end", error.as_dict())
            return
        for record in live.job.pictures[sent:]:
            yield _event("picture", picture_as_json(record, root))
        sent = len(live.job.pictures)
        if live.job.state.finished:
            yield _event("end", as_json(live, root=root))
            return
        if live.version != seen:
            shown = preview and live.preview_version != seen_preview
            seen, seen_preview = live.version, live.preview_version
            yield _event("progress", as_json(live, root=root, preview=shown, pictures=False))
        await asyncio.sleep(PACE)
        if await app.queue.wait_async(version, QUIET) == version:
            yield ": waiting\n\n"


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


async def uploaded(request: Request) -> bytes:
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        return await request.body()
    async with request.form(max_files=1, max_fields=20) as form:
        for value in form.values():
            if not isinstance(value, str):
                return await value.read()
    raise BadPicture("The form holds no file.", "Send the picture as a file, or as the body itself.", "image")
