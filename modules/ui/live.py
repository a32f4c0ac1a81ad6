"""The page's own routes under /easel: what is going on, finished pictures, interrupt, the order of the queue, token counts. Typing and tab switches need none of them.

They stand beside Gradio's routes in one server. Whoever mounts them sees to logins and hosts, and names the user in `request.state.user` where there are logins.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import BadModelFile, BadPicture, EaselError, InvalidRequest, NotFound, OutOfMemory, OutputTrouble, Unavailable, Unsupported
from modules.core.limits import PROMPT_LIMIT
from modules.core.result import Cancel
from modules.jobs.job import Job
from modules.ui.overview import Overview, resumable, visible
from modules.ui.picking import Picking
from modules.ui.pictures import Pictures, has_desktop

STATUS: tuple[tuple[type[EaselError], int], ...] = (
    (NotFound, 404),
    (InvalidRequest, 400),
    (BadPicture, 400),
    (BadModelFile, 400),
    (Unsupported, 400),
    (OutputTrouble, 507),
    (OutOfMemory, 507),
    (Unavailable, 503),
)
BODY_LIMIT = 400_000
"""Bytes of a question; two prompts of the greatest length fit."""

FILE_HEADERS = {"cache-control": "private, max-age=86400", "x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'"}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

Handler = Callable[[Request], Awaitable[Response]]


def routes(app: App, pictures: Pictures | None = None) -> list[Route]:
    """pictures: the one that the page hands unsaved pictures to; `build.Page.routes` holds these routes with it."""
    desk = Desk(app, pictures or Pictures(app.paths.outputs))
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/easel/live", desk.live),
        ("GET", "/easel/jobs/{id}", desk.job),
        ("GET", "/easel/jobs/{id}/pictures/{number:int}/{name}", desk.picture),
        ("GET", "/easel/jobs/{id}/thumbs/{number:int}", desk.thumb),
        ("POST", "/easel/jobs/{id}/pictures/{number:int}/folder", desk.folder),
        ("POST", "/easel/jobs/{id}/keep", desk.keep),
        ("GET", "/easel/jobs/{id}/zip", desk.zip),
        ("POST", "/easel/jobs/{id}/interrupt", desk.interrupt),
        ("POST", "/easel/jobs/{id}/move", desk.move),
        ("POST", "/easel/jobs/{id}/resume", desk.resume),
        ("POST", "/easel/tokens", desk.tokens),
    ]
    return [Route(path, translated(handler), methods=[method]) for method, path, handler in table]


def translated(handler: Handler) -> Handler:
    """A handler whose EaselErrors become {error, detail, field, remedy} with a fitting status."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except EaselError as error:
            status = next((code for kind, code in STATUS if isinstance(error, kind)), 400)
            return JSONResponse(error.as_dict(), status)

    return answer


def user_of(request: Request) -> str:
    return str(getattr(request.state, "user", "") or "")


async def job_of(app: App, request: Request, id: str) -> Job:
    """The job that is asked for. Raises NotFound, also for another user's."""
    job = await run_in_threadpool(app.queue.get, id)
    if not visible(job, user_of(request)):
        raise NotFound(f"There is no job {id[:80]!r}.", "Look at the queue or the history.", "id")
    return job


def is_near(request: Request) -> bool:
    """Whether the browser runs on this very machine, with nothing in between."""
    near = request.client is not None and request.client.host in LOOPBACK and request.url.hostname in LOOPBACK
    return near and not any(name in request.headers for name in FORWARDED)


def is_here(request: Request) -> bool:
    """Whether the browser is near, and there is a desktop to show a folder on."""
    return is_near(request) and has_desktop()


async def told(request: Request) -> dict[str, Any]:
    """The JSON object of a question. Insists on JSON, which a page of another site cannot send without being asked first. Raises InvalidRequest."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise InvalidRequest("The question must be sent as application/json.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT:
            raise InvalidRequest("The question is too long.", f"Send at most {BODY_LIMIT} bytes.")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("The question is no JSON.") from None
    if not isinstance(found, dict):
        raise InvalidRequest("The question must be a JSON object.")
    return found


class Desk:
    """Answers the questions of pages."""

    def __init__(self, app: App, pictures: Pictures) -> None:
        self.app, self.pictures, self.overview = app, pictures, Overview(app, pictures)
        self.picking = Picking(app, pictures)

    async def live(self, request: Request) -> Response:
        if self.overview.stale():
            await run_in_threadpool(self.overview.refresh)
        seen = request.query_params.get("preview", "")
        preview = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 18 else -1
        answer = self.overview.answer(user_of(request), request.query_params.get("since", ""), preview)
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    async def job(self, request: Request) -> Response:
        job = await self._job(request)
        return JSONResponse(self.overview.detail(job, lambda: is_here(request)), headers={"cache-control": "no-store"})

    async def picture(self, request: Request) -> Response:
        job, number = await self._job(request), request.path_params["number"]
        data, kind = await run_in_threadpool(self.pictures.data, job, number)
        name = quote(self.pictures.name(self.pictures.record(job, number)))
        return Response(data, media_type=kind, headers={**FILE_HEADERS, "content-disposition": f"inline; filename*=UTF-8''{name}"})

    async def thumb(self, request: Request) -> Response:
        job = await self._job(request)
        data = await run_in_threadpool(self.pictures.thumb, job, request.path_params["number"])
        return Response(data, media_type="image/jpeg", headers=FILE_HEADERS)

    async def folder(self, request: Request) -> Response:
        await told(request)
        job = await self._job(request)
        if not is_here(request):
            raise Unsupported("The folder can only be shown on the machine that Easel runs on.", "Save the picture instead.")
        await run_in_threadpool(self.pictures.open_folder, job, request.path_params["number"])
        return JSONResponse({})

    async def keep(self, request: Request) -> Response:
        wanted = (await told(request)).get("numbers")
        job = await self._job(request)
        if wanted is None:
            wanted = self.picking.available(job)
        if not isinstance(wanted, list) or len(wanted) > len(job.pictures) or not all(isinstance(one, int) and not isinstance(one, bool) for one in wanted):
            raise InvalidRequest(f"numbers = {wanted!r:.40} is not usable.", "Give a list of whole numbers.", "numbers")
        return JSONResponse({"copies": await run_in_threadpool(self.picking.keep, job, wanted, user_of(request))})

    async def zip(self, request: Request) -> Response:
        place, name = await run_in_threadpool(self.picking.packed, await self._job(request), user_of(request))
        headers = {**FILE_HEADERS, "cache-control": "no-store"}
        return FileResponse(place, media_type="application/zip", filename=name, headers=headers, background=BackgroundTask(place.unlink, missing_ok=True))

    async def interrupt(self, request: Request) -> Response:
        wanted = (await told(request)).get("how")
        if wanted not in (Cancel.STOP.value, Cancel.SKIP.value):
            raise InvalidRequest(f"how = {wanted!r:.40} is not usable.", "Give stop or skip.", "how")
        job = await self._job(request)
        await run_in_threadpool(self.app.queue.cancel, job.id, Cancel(wanted))
        return JSONResponse({})

    async def move(self, request: Request) -> Response:
        position = (await told(request)).get("position")
        if not isinstance(position, int) or isinstance(position, bool):
            raise InvalidRequest(f"position = {position!r:.40} is not usable.", "Give a whole number.", "position")
        job = await self._job(request)
        await run_in_threadpool(self.app.queue.move, job.id, position)
        return JSONResponse({})

    async def resume(self, request: Request) -> Response:
        """Submits a sweep that was left unfinished again; cells that are there are not drawn twice."""
        await told(request)
        job = await self._job(request)
        if not resumable(job):
            raise InvalidRequest("Only a script that was stopped or failed can be gone on with.", "Press Generate for a new one.", "id")
        ticket = await run_in_threadpool(self.app.submit, job.resolved or job.request, user_of(request), job.save)
        self.pictures.hold(ticket)
        return JSONResponse({"job": ticket.id})

    async def tokens(self, request: Request) -> Response:
        question = await told(request)
        model, texts = question.get("model", ""), question.get("texts")
        if not isinstance(model, str) or not isinstance(texts, list) or len(texts) > 8 or not all(isinstance(text, str) for text in texts):
            raise InvalidRequest("tokens takes a model's name and a list of texts.")
        if any(len(text) > PROMPT_LIMIT for text in texts):
            raise InvalidRequest(f"A prompt is longer than {PROMPT_LIMIT} characters.", "Shorten it.", "prompt")
        counts = [await run_in_threadpool(self.app.prompts.count, model, text) for text in texts]
        return JSONResponse({"counts": counts})

    async def _job(self, request: Request) -> Job:
        return await job_of(self.app, request, request.path_params["id"])
