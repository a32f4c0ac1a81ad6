"""What the tab Train asks, under /easel/training: sets of pictures and their captions, a look at them first, runs with their curves and samples, and what is done with runs.

A picture or run is named, never a path; a folder of this machine only by a browser that runs on it.
"""

from __future__ import annotations

import base64
import io
import re
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import EaselError, InvalidRequest, NotFound, Unsupported
from modules.core.params import to_dict
from modules.core.result import Cancel
from modules.core.training import TITLES, TrainingRequest, called
from modules.training import curve, runs
from modules.training.curve import Followed
from modules.training.opening import image_of
from modules.training.runs import Run
from modules.training.sets import LARGEST
from modules.ui import train
from modules.ui.form import Form
from modules.ui.inputs import SIMPLE
from modules.ui.live import FILE_HEADERS, STATUS, is_near, told, translated, user_of

THUMB = 176
"""Pixels of the longer side of a picture in the list, twice as many as it is shown with."""
POINTS = 400
"""Of a curve as it is drawn."""
FOLLOWED = 8
"""Curves that are kept in memory."""
SAMPLE = re.compile(r"step-([0-9]{8})-([0-9]{2})\.png")
FRESH = {"cache-control": "no-store"}


def routes(app: App, form: Form[TrainingRequest]) -> list[Route]:
    """form: the tab's, which says how values of widgets are read."""
    desk = Desk(app, form)
    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/easel/training/sets", desk.sets),
        ("POST", "/easel/training/sets", desk.make),
        ("POST", "/easel/training/take-over", desk.take_over),
        ("GET", "/easel/training/sets/{set}", desk.pictures),
        ("POST", "/easel/training/sets/{set}/pictures", desk.bring),
        ("POST", "/easel/training/sets/{set}/caption", desk.caption),
        ("POST", "/easel/training/sets/{set}/take-out", desk.take_out),
        ("GET", "/easel/training/sets/{set}/thumbs/{picture:path}", desk.thumb),
        ("POST", "/easel/training/look", desk.look),
        ("POST", "/easel/training/begin", desk.begin),
        ("GET", "/easel/training/runs", desk.runs),
        ("GET", "/easel/training/runs/{run}", desk.run),
        ("GET", "/easel/training/runs/{run}/samples/{name}", desk.sample),
        ("POST", "/easel/training/runs/{run}/end", desk.end),
        ("POST", "/easel/training/runs/{run}/go-on", desk.go_on),
        ("POST", "/easel/training/runs/{run}/discard", desk.discard),
    ]
    return [Route(path, translated(handler), methods=[method]) for method, path, handler in table]


class Desk:
    def __init__(self, app: App, form: Form[TrainingRequest]) -> None:
        self.app, self.form = app, form
        self.trainings, self.stock = app.trainings, app.trainings.sets
        self._curves: OrderedDict[str, Followed] = OrderedDict()
        self._reading = threading.Lock()

    # Sets

    async def sets(self, request: Request) -> Response:
        known = await run_in_threadpool(self.stock.known, user_of(request))
        return JSONResponse({"sets": [{"name": one.name, "pictures": one.pictures} for one in known], "near": is_near(request)}, headers=FRESH)

    async def make(self, request: Request) -> Response:
        name = _text(await told(request), "name")
        return JSONResponse({"name": await run_in_threadpool(self.stock.make, name, user_of(request))})

    async def take_over(self, request: Request) -> Response:
        """The pictures of a folder of this machine, for a browser on this machine alone."""
        folder = _text(await told(request), "folder").strip()
        if not is_near(request):
            raise Unsupported("A folder can only be named by a browser on the machine that Easel runs on.", "Choose the pictures as files instead.")
        if not folder or "\0" in folder or len(folder) > 1000 or not Path(folder).expanduser().is_absolute():
            raise InvalidRequest(f"{folder[:200]!r} is no folder on this machine.", "Give its whole path.", "folder")
        return JSONResponse({"name": await run_in_threadpool(self.stock.take_over, Path(folder), user_of(request))})

    async def pictures(self, request: Request) -> Response:
        name, user = request.path_params["set"], user_of(request)
        entries, findings = await run_in_threadpool(self.stock.read, name, user)
        at = f"training/sets/{quote(name)}/thumbs"
        rows = [{"name": entry.name, "caption": entry.caption, "thumb": f"{at}/{quote(entry.name)}?v={_version(entry.path)}"} for entry in entries]
        return JSONResponse({"pictures": rows, "findings": [finding.as_dict() for finding in findings if entries]}, headers=FRESH)

    async def bring(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() in SIMPLE:
            raise InvalidRequest("A picture must be sent as itself, with its own content-type.")
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                raise InvalidRequest(f"The file has more than {LARGEST // 2**20} MB.", "Use a smaller one.")
        name = await run_in_threadpool(self.stock.add, request.path_params["set"], request.query_params.get("name", ""), bytes(body), user_of(request))
        return JSONResponse({"name": name})

    async def caption(self, request: Request) -> Response:
        given = await told(request)
        await run_in_threadpool(self.stock.caption, request.path_params["set"], _text(given, "picture"), _text(given, "text"), user_of(request))
        return JSONResponse({})

    async def take_out(self, request: Request) -> Response:
        await run_in_threadpool(self.trainings.take_out, request.path_params["set"], _text(await told(request), "picture"), user_of(request))
        return JSONResponse({})

    async def thumb(self, request: Request) -> Response:
        path = await run_in_threadpool(self.stock.picture, request.path_params["set"], request.path_params["picture"], user_of(request))
        return Response(await run_in_threadpool(small, path), media_type="image/jpeg", headers=FILE_HEADERS)

    # Before

    async def look(self, request: Request) -> Response:
        return await self._asked(request, lambda wish, user: self._looked(wish))

    async def begin(self, request: Request) -> Response:
        return await self._asked(request, lambda wish, user: {"job": self.trainings.begin(wish, user), "name": wish.name})

    async def _asked(self, request: Request, act: Callable[[TrainingRequest, str], Mapping[str, Any]]) -> Response:
        """What is done with the form as the browser tells it. An error names the widget instead of the parameter."""
        given, user = await told(request), user_of(request)
        try:
            folder = await run_in_threadpool(self.stock.folder, _text(given, "set"), user) if given.get("set") else Path()
            if not given.get("set"):
                raise InvalidRequest("There are no pictures to learn from.", "Drop some on the field, or choose files.", "set")
            wish = train.wanted(self.form, train.checked_values(given.get("values")), folder)
            return JSONResponse(await run_in_threadpool(act, wish, user))
        except EaselError as error:
            said = self.form.explain(error)
            status = next((code for kind, code in STATUS if isinstance(error, kind)), 400)
            return JSONResponse({**error.as_dict(), "detail": said.text, "remedy": "", "title": said.title}, status)

    def _looked(self, wish: TrainingRequest) -> dict[str, Any]:
        found = self.trainings.looked(wish)
        data = f"data:image/png;base64,{base64.b64encode(found.sheet).decode()}" if found.sheet else ""
        return {"findings": [finding.as_dict() for finding in found.findings], "usable": found.usable, "captioned": found.captioned, "sheet": data}

    # Runs

    async def runs(self, request: Request) -> Response:
        found = await run_in_threadpool(self.trainings.runs, user_of(request))
        return JSONResponse({"runs": [self._row(run) for run in found]}, headers=FRESH)

    async def run(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._told, request.path_params["run"], user_of(request)), headers=FRESH)

    async def sample(self, request: Request) -> Response:
        run = await run_in_threadpool(self.trainings.run, request.path_params["run"], user_of(request))
        name, folder = request.path_params["name"], self.app.paths.training / run.name
        if not SAMPLE.fullmatch(name) and name != runs.SHEET:
            raise NotFound("There is no such sample.", "Look at the run again.", "name")
        path = folder / name if name == runs.SHEET else folder / "samples" / name
        try:
            data = await run_in_threadpool(path.read_bytes)
        except OSError:
            raise NotFound("There is no such sample.", "Look at the run again.", "name") from None
        return Response(data, media_type="image/png", headers=FILE_HEADERS)

    async def end(self, request: Request) -> Response:
        """stop: pauses it. skip: it is enough, and what was learnt is kept."""
        how = (await told(request)).get("how")
        if how not in (Cancel.STOP.value, Cancel.SKIP.value):
            raise InvalidRequest(f"how = {how!r:.40} is not usable.", "Give stop or skip.", "how")
        job = self._job(request.path_params["run"], user_of(request))
        await run_in_threadpool(self.app.queue.cancel, job.id, Cancel(how))
        return JSONResponse({})

    async def go_on(self, request: Request) -> Response:
        """keep: to no further step; what the last checkpoint has learnt becomes the result."""
        keep, name, user = (await told(request)).get("keep") is True, request.path_params["run"], user_of(request)

        def act() -> str:
            if keep and self.trainings.job_of(name) is not None:  # it goes on since the button was drawn
                job = self._job(name, user)
                self.app.queue.cancel(job.id, Cancel.SKIP)
                return str(job.id)
            return self.trainings.go_on(name, user, keep=keep)

        return JSONResponse({"job": await run_in_threadpool(act)})

    async def discard(self, request: Request) -> Response:
        await told(request)
        place = await run_in_threadpool(self.trainings.discard, request.path_params["run"], user_of(request))
        return JSONResponse({"place": str(place.relative_to(self.app.paths.data)) if place.is_relative_to(self.app.paths.data) else place.name})

    def _job(self, name: str, user: str) -> Any:
        job = self.trainings.job_of(name)
        if job is None or user and job.owner not in ("", user):
            raise NotFound(f"{name[:80]} is not being trained.", "It may have come to its end.", "run")
        return job

    def _row(self, run: Run) -> dict[str, Any]:
        job = self.trainings.job_of(run.name)
        request = run.request
        return {
            "name": run.name,
            "stage": job.state.value if job else run.stage,
            "job": job.id if job else "",
            "step": curve.last(self.app.paths.training / run.name / curve.NAME) if job else run.step,
            "steps": request.steps if request else 0,
            "what": request.what if request else "",
            "kind": TITLES[request.what] if request else "",
            "trigger": called(request) if request else "",
            "model": request.model if request else "",
            "trouble": run.trouble,
            "changed": run.changed,
        }

    def _told(self, name: str, user: str) -> dict[str, Any]:
        run = self.trainings.run(name, user)
        folder = self.app.paths.training / run.name
        drawn: dict[int, list[str]] = {}
        for path in sorted((folder / "samples").glob("step-*.png")):
            if found := SAMPLE.fullmatch(path.name):
                drawn.setdefault(int(found[1]), []).append(f"training/runs/{quote(run.name)}/samples/{path.name}?v={_version(path)}")
        rows = self._rows(run.name)
        request = run.request
        return {
            **self._row(run),
            "curve": curve.thinned(rows, POINTS),
            "held_out": any(row.get("held_out") for row in rows),
            "samples": [{"step": step, "pictures": pictures} for step, pictures in sorted(drawn.items())],
            "prompts": list(request.watching.prompts) or [called(request)] if request else [],
            "sheet": f"training/runs/{quote(run.name)}/samples/{runs.SHEET}?v={_version(folder / runs.SHEET)}" if (folder / runs.SHEET).is_file() else "",
            "recipe": _facts(request) if request else {},
        }

    def _rows(self, name: str) -> list[dict[str, Any]]:
        with self._reading:
            followed = self._curves.setdefault(name, Followed(self.app.paths.training / name / curve.NAME))
            self._curves.move_to_end(name)
            while len(self._curves) > FOLLOWED:
                self._curves.popitem(last=False)
            return list(followed.rows())


def small(path: Path) -> bytes:
    """A JPEG of a picture for the list. Raises BadPicture."""
    image = image_of(path)
    image.thumbnail((THUMB, THUMB), Image.Resampling.BOX)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _facts(request: TrainingRequest) -> dict[str, Any]:
    """What of a recipe is worth a line."""
    tree = to_dict(request)
    return {
        "Checkpoint": request.model,
        "Steps": request.steps,
        "Batch size": request.batch * request.accumulation,
        "Learning rate": request.learning.rate,
        **({"Rank": tree["adapter"]["rank"]} if request.what == "lora" else {}),
        "Seed": request.seed,
    }


def _version(path: Path) -> int:
    """Another one for other bytes under the same name: a run that was discarded may be made again."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} = {value!r:.40} is not usable.", "Give a text.", name)
    return value
