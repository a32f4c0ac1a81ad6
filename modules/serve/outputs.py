"""Saved pictures by their path below the outputs folder: /easel/outputs/txt2img-images/2026-01-31/00001-1.png. Pictures only, and nothing outside that folder."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif"}
HEADERS = {
    "cache-control": "private, max-age=86400",
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


def outputs_route(folder: Path) -> Route:
    async def answer(request: Request) -> Response:
        path = await run_in_threadpool(picture_at, folder, request.path_params["path"])
        if path is None:
            return PlainTextResponse("There is no such picture.\n", 404, {"x-content-type-options": "nosniff"})
        way = "attachment" if "download" in request.query_params else "inline"
        return FileResponse(
            path, media_type=TYPES[path.suffix.lower()], headers={**HEADERS, "content-disposition": f"{way}; filename*=UTF-8''{quote(path.name)}"}
        )

    return Route("/easel/outputs/{path:path}", answer, methods=["GET", "HEAD"])


def picture_at(folder: Path, asked: str) -> Path | None:
    """The picture file that `asked` names below `folder`, links followed; None for anything else, whatever it looks like."""
    if not asked or "\0" in asked or "\\" in asked or ":" in asked or any(not part or part.startswith(".") for part in asked.split("/")):
        return None
    root = os.path.realpath(folder)
    try:
        path = Path(os.path.realpath(os.path.join(root, asked)))
        inside = os.path.commonpath([root, path]) == root
        return path if inside and path.suffix.lower() in TYPES and path.is_file() else None
    except (OSError, ValueError):
        return None
