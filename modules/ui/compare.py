"""Two pictures side by side, under /easel/compare: which parameters differ between finished pictures, and what a picture was before it was worked on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import BadPicture, InvalidRequest
from modules.core.extras import ExtrasRequest
from modules.core.groups.editing import Outpaint
from modules.core.groups.passes import Hires
from modules.core.params import value_of, walk
from modules.core.result import digest
from modules.imaging.opening import opened
from modules.infotext import files
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
        Route("/easel/before/{id}/{number:int}", translated(desk.before), methods=["GET"]),
    ]


@dataclass(frozen=True)
class Comparison:
    app: App
    pictures: Pictures
    inputs: Inputs

    async def differences(self, request: Request) -> Response:
        """?a=JOB/NUMBER&b=JOB/NUMBER -> {rows: [{label, a, b}]}, what differs in the order of the request's fields."""
        first, second = [await self._reading(request, request.query_params.get(name, "")) for name in ("a", "b")]
        alike = type(first.again) is type(second.again)
        return JSONResponse({"rows": differences(first.again, second.again) if alike else differences(first.request, second.request)})

    async def before(self, request: Request) -> Response:
        """The start picture of one that was made from another; the first pass of one that was enlarged, where such a picture was kept. Empty: there is none."""
        data = await self._data(request, f"{request.path_params['id']}/{request.path_params['number']}")
        found = await run_in_threadpool(self._earlier, data)
        return Response(found[0], media_type=found[1], headers=FILE_HEADERS) if found else Response(status_code=204)

    def _earlier(self, data: bytes) -> tuple[bytes, str] | None:
        reading = self.app.intake.picture(data)
        if isinstance(reading.wish, ExtrasRequest):
            return self.inputs.shown(reading.wish.images[0].removeprefix("sha256:"))
        wish = reading.request
        if wish.outpaints:
            return files.encode(among(opened(self.app.blobs.get(wish.init.image, "init.image")), wish.outpaint), ""), "image/png"
        if wish.init.image:
            return self.inputs.shown(wish.init.image.removeprefix("sha256:"))
        if not wish.hires.enabled:
            return None
        document = files.read(data).document or {}
        facts = document.get("facts")
        for hires in (Hires(), replace(wish.hires, enabled=False)):
            kept = self.app.kept(digest(replace(wish, hires=hires), facts if isinstance(facts, dict) else {}))
            if kept is not None:
                return kept.path.read_bytes(), TYPES[kept.path.suffix]
        return None

    async def _reading(self, request: Request, name: str) -> Reading:
        reading = await run_in_threadpool(self.app.intake.picture, await self._data(request, name))
        if not reading.again:
            raise BadPicture(UNKNOWN_START, "Its file carries no parameters.")
        return reading

    async def _data(self, request: Request, name: str) -> bytes:
        """The file of JOB/NUMBER. Raises NotFound, InvalidRequest."""
        id, _, number = name.partition("/")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise InvalidRequest(f"{name[:80]!r} names no picture.", "Give the job's id, a stroke, and the number of its picture.")
        job = await job_of(self.app, request, id)
        data, _ = await run_in_threadpool(self.pictures.data, job, int(number))
        return data


def among(start: Image.Image, sides: Outpaint) -> Image.Image:
    """A start picture where it stands in the one that it grew to; nothing around it."""
    sheet = Image.new("RGBA", (start.width + sides.left + sides.right, start.height + sides.up + sides.down))
    sheet.paste(start.convert("RGBA"), (sides.left, sides.up))
    return sheet


def differences(first: Any, second: Any) -> list[dict[str, Any]]:
    """The parameters in which two requests of one kind differ, each with both values as text."""
    rows = []
    kind: type = type(first)
    for field in walk(kind):
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
