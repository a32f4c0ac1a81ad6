"""/v1/datasets and /v1/trainings: pictures to learn from, trainings begun, watched, paused, gone on with and discarded.

A folder is named by its dataset, never by a path: whoever calls may sit anywhere. A training is a job; `/v1/jobs/{id}/events` tells how far it is.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from modules.api.bodies import json_object
from modules.api.generate import uploaded
from modules.api.jobs import as_json
from modules.api.logins import login, require
from modules.api.replies import WrongType
from modules.api.schemas import takes
from modules.api.threads import in_few, in_thread
from modules.app import App
from modules.core.errors import NotFound
from modules.core.params import from_dict, to_dict
from modules.core.result import Cancel
from modules.core.training import TrainingRequest
from modules.training import curve
from modules.training.runs import Run


def router(app: App) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["Training"])
    desk = app.trainings

    def submitted(id: str, request: Request) -> JSONResponse:
        root = str(request.scope.get("root_path", ""))
        return JSONResponse(as_json(app.queue.live(id), root=root), 202, {"location": f"{root}/v1/jobs/{id}"})

    def ended(name: str, owner: str, how: Cancel) -> dict[str, Any]:
        job = desk.job_of(name)
        if job is None:
            raise NotFound(f"{name[:80]} is not being trained.", "See /v1/trainings.", "name")
        require(job, owner)
        app.queue.cancel(job.id, how)
        return {"job": job.id}

    @routes.get("/datasets")
    async def datasets(request: Request) -> JSONResponse:
        """Sets of pictures that were brought to be trained on."""
        known = await in_thread(desk.sets.known, login(request))
        return JSONResponse([{"name": one.name, "pictures": one.pictures} for one in known])

    @routes.post("/datasets/{name}")
    async def make(name: str, request: Request) -> JSONResponse:
        """A new, empty one. -> its name, which has a number behind it where that one was taken."""
        return JSONResponse({"name": await in_thread(desk.sets.make, name, login(request))}, 201)

    @routes.get("/datasets/{name}")
    async def dataset(name: str, request: Request) -> JSONResponse:
        """Its pictures, with their captions."""
        entries, _ = await in_thread(desk.sets.read, name, login(request))
        return JSONResponse([{"name": entry.name, "caption": entry.caption} for entry in entries])

    @routes.post("/datasets/{name}/pictures", openapi_extra=takes(bytes, "image/*"))
    async def bring(name: str, request: Request, file: str = "", caption: str = "") -> JSONResponse:
        """Keeps a picture, byte for byte. file: what it is to be called. -> what it is called here."""
        owner, data = login(request), await uploaded(request)
        kept = await in_few(desk.sets.add, name, file, data, owner)
        if caption:
            await in_thread(desk.sets.caption, name, kept, caption, owner)
        return JSONResponse({"name": kept}, 201)

    @routes.put("/datasets/{name}/captions")
    async def captions(name: str, request: Request) -> JSONResponse:
        """Captions by the names of pictures."""
        given = await json_object(request)
        if not all(isinstance(text, str) for text in given.values()):
            raise WrongType("A caption is no text.", 'Send something like {"a.png": "a red kite"}.')
        for picture, text in given.items():
            await in_thread(desk.sets.caption, name, picture, text, login(request))
        return JSONResponse({})

    @routes.post("/trainings", openapi_extra=takes(TrainingRequest))
    async def begin(request: Request) -> JSONResponse:
        """Begins a training. `data.folder` is the name of a dataset. What was left out has its default; what is wrong is said before there is a job."""
        wanted, owner = await json_object(request), login(request)

        def begun() -> str:
            wish = from_dict(TrainingRequest, wanted)
            tree = to_dict(wish)
            tree["data"]["folder"] = str(desk.sets.folder(wish.data.folder, owner))
            if wish.prior.folder:
                tree["prior"]["folder"] = str(desk.sets.folder(wish.prior.folder, owner))
            tree["resume"] = tree["keep"] = False
            return desk.begin(from_dict(TrainingRequest, tree), owner)

        return submitted(await in_few(begun), request)

    @routes.get("/trainings")
    async def trainings(request: Request) -> JSONResponse:
        """Every run, the newest first."""
        return JSONResponse([_row(run, desk.job_of(run.name)) for run in await in_thread(desk.runs, login(request))])

    @routes.get("/trainings/{name}")
    async def training(name: str, request: Request) -> JSONResponse:
        """One run: how far it is, and its recipe."""
        run = await in_thread(desk.run, name, login(request))
        return JSONResponse(_row(run, desk.job_of(name)) | {"recipe": to_dict(run.request) if run.request else None})

    @routes.get("/trainings/{name}/curve")
    async def rows(name: str, request: Request, since: int = -1) -> JSONResponse:
        """The rows of its curve after step `since`: losses and measurements."""
        run = await in_thread(desk.run, name, login(request))
        found = await in_thread(curve.rows, app.paths.training / run.name / curve.NAME)
        return JSONResponse([row for row in found if row["step"] > since])

    @routes.post("/trainings/{name}/pause")
    async def pause(name: str, request: Request) -> JSONResponse:
        """Writes a checkpoint and stops."""
        return JSONResponse(await in_thread(ended, name, login(request), Cancel.STOP))

    @routes.post("/trainings/{name}/enough")
    async def enough(name: str, request: Request) -> JSONResponse:
        """Ends it and keeps what was learnt; of a run that is paused or broke off, what its last checkpoint has."""
        owner = login(request)

        def kept() -> dict[str, Any]:
            if desk.job_of(name) is None and desk.run(name, owner).stage == "paused":
                return {"job": desk.go_on(name, owner, keep=True)}
            return ended(name, owner, Cancel.SKIP)

        return JSONResponse(await in_few(kept))

    @routes.post("/trainings/{name}/resume")
    async def resume(name: str, request: Request, steps: int = 0) -> JSONResponse:
        """Goes on from its last checkpoint. steps: in all, where it is to be another number than it was begun with; refused where the learning
        rate is laid out over that."""
        return submitted(await in_few(desk.go_on, name, login(request), steps), request)

    @routes.delete("/trainings/{name}")
    async def discard(name: str, request: Request) -> JSONResponse:
        """Ends it, and lays aside what there is of it. The model that came out of it stays."""
        return JSONResponse({"folder": (await in_thread(desk.discard, name, login(request))).name})

    return routes


def _row(run: Run, job: Any | None) -> dict[str, Any]:
    return {
        "name": run.name,
        "stage": job.state.value if job else run.stage,
        "job": job.id if job else None,
        "step": run.step,
        "steps": run.request.steps if run.request else None,
        "what": run.request.what if run.request else None,
        "trouble": run.trouble or None,
        "result": run.result.name if run.stage == "done" and run.result else None,
    }
