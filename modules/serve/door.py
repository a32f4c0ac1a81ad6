"""What every request passes before any route is looked at, outermost first: subpath, host and origin, CORS, login, what a page may load,
and that its text travels compressed."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.serve.hosts import HostAndOrigin, Hosts
from modules.serve.logins import Guarded, LoginFirst, Session

AS_IT_IS = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/json")
"""What is not compressed: pictures and streams of events; and replies of the APIs, for most of their bytes are pictures too."""
LEVEL = 5
"""Of zlib: the page becomes a sixth in some 15 ms; 9 would take twice as long for a few per cent."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def door(
    app: ASGIApp, hosts: Hosts, guarded: Sequence[Guarded], *, session: Session = lambda connection: None, origins: Sequence[str] = (), subpath: str = ""
) -> ASGIApp:
    """app with everything in front of it. origins: of other pages that may call; "*" lets any call, but none of them with a visitor's session."""
    packed = GZipMiddleware(app, minimum_size=1024, compresslevel=LEVEL, exclude_content_types=AS_IT_IS)
    inner: ASGIApp = LoginFirst(KeepsToItself(packed, origins), guarded, session)
    if origins:
        inner = CORSMiddleware(inner, allow_origins=list(origins), allow_methods=METHODS, allow_headers=["*"], allow_credentials="*" not in origins)
    inner = HostAndOrigin(inner, hosts, origins)
    return Subpath(inner, subpath, [route for group in guarded for route in group.routes]) if subpath else inner


class Subpath:
    """ASGI: a path is the same with and without the prefix under which a proxy shows us, whether that proxy cuts it off or not.

    ours: routes that tell "/easel/live" of a proxy that cuts /easel off from "/easel/easel/live" of one that leaves it.
    """

    def __init__(self, app: ASGIApp, prefix: str, ours: Sequence[BaseRoute] = ()) -> None:
        self._app, self._prefix, self._ours = app, prefix, ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            path = scope["path"]
            if not self._has_prefix(path) or self._is_ours(scope, path) and not self._is_ours(scope, path[len(self._prefix) :]):
                path = self._prefix + path
            scope = {**scope, "path": path, "raw_path": quote(path).encode("ascii"), "root_path": self._prefix}
        await self._app(scope, receive, send)

    def _has_prefix(self, path: str) -> bool:
        return path == self._prefix or path.startswith(self._prefix + "/")

    def _is_ours(self, scope: Scope, path: str) -> bool:
        return any(route.matches({**scope, "path": path, "root_path": ""})[0] is not Match.NONE for route in self._ours)


class KeepsToItself:
    """ASGI: tells browsers that a page of ours loads nothing from elsewhere, and is framed by none but ourselves and the origins that may call."""

    def __init__(self, app: ASGIApp, origins: Sequence[str] = ()) -> None:
        self._app = app
        frames = " ".join(("'self'", *origins))
        self._policy = (
            f"default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {frames}"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("content-security-policy", self._policy)
                    headers.setdefault("referrer-policy", "same-origin")
                headers.setdefault("x-content-type-options", "nosniff")
            await send(message)

        await self._app(scope, receive, marked)
