"""What every request passes before any route is looked at, outermost first: subpath, host and origin, CORS, login, and what a page may load."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.serve.hosts import HostAndOrigin, Hosts
from modules.serve.logins import Guarded, LoginFirst, Session

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def door(
    app: ASGIApp, hosts: Hosts, guarded: Sequence[Guarded], *, session: Session = lambda connection: None, origins: Sequence[str] = (), subpath: str = ""
) -> ASGIApp:
    """app with everything in front of it. origins: of other pages that may call; "*" lets any call, but none of them with a visitor's session."""
    inner: ASGIApp = LoginFirst(KeepsToItself(app, origins), guarded, session)
    if origins:
        inner = CORSMiddleware(inner, allow_origins=list(origins), allow_methods=METHODS, allow_headers=["*"], allow_credentials="*" not in origins)
    inner = HostAndOrigin(inner, hosts, origins)
    return Subpath(inner, subpath) if subpath else inner


class Subpath:
    """ASGI: a path is the same with and without the prefix under which a proxy shows us, whether that proxy cuts it off or not."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            path = scope["path"]
            if path != self._prefix and not path.startswith(self._prefix + "/"):
                path = self._prefix + path
            scope = {**scope, "path": path, "raw_path": path.encode("utf-8", "surrogateescape"), "root_path": self._prefix}
        await self._app(scope, receive, send)


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
