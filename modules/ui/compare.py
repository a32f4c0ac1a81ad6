"""Two pictures side by side, under /easel/compare: which parameters differ between finished pictures, and what a picture was before it was worked on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import BadPicture, InvalidRequest, NotFound
from modules.core.params import value_of, walk
from modules.core.request import GenerationRequest, Hires
from modules.core.result import digest
from modules.infotext.read import Reading
from modules.ui.inputs import Inputs
from modules.ui.live import FILE_HEADERS, job_of, translated
from modules.ui.pictures import TYPES, Pictures

LONGEST = 2000
"""Characters of a value in the table."""
WHOLE_RUN = ("count", "batch_size", "script.name", "script.args")
"""Say how many pictures were made, not what one of them is."""
UNKNOWN_START = "What this picture was made from is not known."


def routes(app: App, pictures: Pictures) -> list[Route]:
    desk = Comparison(app, pictures, Inputs(app, pictures))
    return [
        Route("/easel/compare", translated(desk.differences), methods=["GET"]),
        Route("/easel/jobs/{id}/pictures/{number:int}/before", translated(desk.before), methods=["GET"]),
    ]


@dataclass(frozen=True)
class Comparison:
    app: App
    pictures: Pictures
    inputs: Inputs

    async def differences(self, request: Request) -> Response:
        """?a=JOB/NUMBER&b=JOB/NUMBER -> {rows: [{label, a, b}]}, what differs in the order of the request's fields."""
        first, second = [await self._reading(request, request.query_params.get(name, "")) for name in ("a", "b")]
        return JSONResponse({"rows": differences(first.request, second.request)})

    async def before(self, request: Request) -> Response:
        """The start picture of one that was made from another; the first pass of one that was enlarged, where such a picture was kept."""
        reading = await self._reading(request, f"{request.path_params['id']}/{request.path_params['number']}")
        data, kind = await run_in_threadpool(self._earlier, reading)
        return Response(data, media_type=kind, headers=FILE_HEADERS)

    def _earlier(self, reading: Reading) -> tuple[bytes, str]:
        wish = reading.request
        if wish.init.image:
            return self.inputs.shown(wish.init.image.removeprefix("sha256:"))
        if not wish.hires.enabled:
            raise NotFound("This picture was made from nothing but its prompt.", "Choose another picture to compare it with.")
        for hires in (Hires(), replace(wish.hires, enabled=False)):
            kept = self.app.kept(digest(replace(wish, hires=hires), reading.facts))
            if kept is not None:
                return kept.path.read_bytes(), TYPES[kept.path.suffix]
        raise NotFound("Its first pass was not kept as a picture.", "Draw it once with Hires. fix off: the same seed gives that pass.")

    async def _reading(self, request: Request, name: str) -> Reading:
        """Of JOB/NUMBER. Raises NotFound, InvalidRequest, BadPicture."""
        id, _, number = name.partition("/")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise InvalidRequest(f"{name[:80]!r} names no picture.", "Give the job's id, a stroke, and the number of its picture.")
        job = await job_of(self.app, request, id)
        data, _ = await run_in_threadpool(self.pictures.data, job, int(number))
        reading = await run_in_threadpool(self.app.read_picture, data)
        if not reading.source:
            raise BadPicture(UNKNOWN_START, "Its file carries no parameters.")
        return reading


def differences(first: GenerationRequest, second: GenerationRequest) -> list[dict[str, Any]]:
    """The parameters that differ, each with both values as text."""
    rows = []
    for field in walk(GenerationRequest):
        a, b = value_of(first, field), value_of(second, field)
        if a != b and field.name not in WHOLE_RUN:
            rows.append({"name": field.name, "label": field.param.label, "a": told(a), "b": told(b)})
    return rows


def told(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return "–"
    if isinstance(value, tuple | list):
        value = ", ".join(map(str, value))
    elif isinstance(value, dict):
        value = ", ".join(f"{key}: {one}" for key, one in value.items())
    return str(value)[:LONGEST]
