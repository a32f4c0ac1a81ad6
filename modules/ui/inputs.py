"""Pictures to work on, under /easel/inputs: brought by the browser, taken from a finished job, and given back by their reference.

They go into the blob store as they came, byte for byte. Whatever is given back is a picture, in a format that browsers show.
"""

from __future__ import annotations

import io
import threading
from typing import Any

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.blobs import Blobs
from modules.core.errors import InvalidRequest, NotFound, Unsupported
from modules.imaging.opening import FORMATS, opened
from modules.ui import batch
from modules.ui.live import FILE_HEADERS, is_near, job_of, told, translated
from modules.ui.pictures import Pictures

LARGEST = 128 * 2**20
"""Bytes of a picture that is brought."""
SIMPLE = ("", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded")
"""What a page of another site can send without being asked first."""
SHOWN = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "AVIF": "image/avif", "GIF": "image/gif", "BMP": "image/bmp"}
"""Formats that browsers show; the others are given back as PNG."""


def routes(app: App, pictures: Pictures) -> list[Route]:
    """pictures: those of finished jobs."""
    desk = Inputs(app, pictures)
    return [
        Route("/easel/inputs", translated(desk.bring), methods=["POST"]),
        Route("/easel/inputs/from-job", translated(desk.take), methods=["POST"]),
        Route("/easel/inputs/from-folder", translated(desk.folder), methods=["POST"]),
        Route("/easel/inputs/{digest}", translated(desk.give), methods=["GET"]),
    ]


class Inputs:
    """app: its blobs hold them."""

    def __init__(self, app: App, pictures: Pictures) -> None:
        self.app, self.pictures = app, pictures
        self._decoding = threading.Lock()

    async def bring(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() in SIMPLE:
            raise InvalidRequest("A picture must be sent as itself, with its own content-type.")
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                raise InvalidRequest(f"The file has more than {LARGEST // 2**20} MB.", "Use a smaller one.")
        return JSONResponse(await run_in_threadpool(self.keep, bytes(body)))

    async def take(self, request: Request) -> Response:
        """A finished picture as the saved file is: nothing is encoded again."""
        wish = await told(request)
        number = wish.get("number")
        if not isinstance(wish.get("job"), str) or not isinstance(number, int) or isinstance(number, bool):
            raise InvalidRequest("from-job takes a job and the number of its picture.")
        job = await job_of(self.app, request, wish["job"])
        data, _ = await run_in_threadpool(self.pictures.data, job, number)
        return JSONResponse(await run_in_threadpool(self.keep, data))

    async def folder(self, request: Request) -> Response:
        """The pictures of a folder of this machine, for a browser on this machine alone."""
        wish = await told(request)
        folder, masks = wish.get("folder"), wish.get("masks", "")
        if not isinstance(folder, str) or not isinstance(masks, str):
            raise InvalidRequest("from-folder takes the path of a folder.")
        if not is_near(request):
            raise Unsupported("A folder can only be named by a browser on the machine that Easel runs on.", "Choose the pictures as files instead.")
        return JSONResponse(await run_in_threadpool(batch.of_folder, self.app, folder, masks))

    async def give(self, request: Request) -> Response:
        data, kind = await run_in_threadpool(self.shown, request.path_params["digest"])
        return Response(data, media_type=kind, headers={**FILE_HEADERS, "cache-control": "private, max-age=31536000, immutable"})

    def keep(self, data: bytes) -> dict[str, Any]:
        """-> {reference, width, height}. Raises BadPicture, OutputTrouble."""
        with self._decoding:  # one at a time: a picture of the largest size takes 400 MB
            width, height = opened(data).size
        return {"reference": self.app.blobs.put(data), "width": width, "height": height}

    def shown(self, digest: str) -> tuple[bytes, str]:
        """-> (bytes, media type). Raises NotFound, BadPicture."""
        data = self.app.blobs.get(f"sha256:{digest}")
        kind = _format(data)
        if kind in SHOWN:
            return data, SHOWN[kind]
        with self._decoding:
            image = opened(data)
        out = io.BytesIO()
        (image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGBA")).save(out, "PNG", compress_level=1)
        return out.getvalue(), "image/png"


def size_of(blobs: Blobs, reference: str) -> tuple[int, int]:
    """(width, height) of an input picture, upright. Raises NotFound, InvalidRequest, BadPicture."""
    return opened(blobs.get(reference, "init.image")).size


def _format(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.format or ""
    except Exception:  # Pillow's plugins raise whatever they stumble over
        raise NotFound("This is no input picture.") from None
