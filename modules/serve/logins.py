"""Who may come in. Gradio guards its own routes with the page's login; the routes that we put beside them are guarded here.

A program shows its login with HTTP Basic (RFC 7617); the page's routes also take the session that Gradio's login page has opened.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

Login = tuple[str, str]
Session = Callable[[HTTPConnection], str | None]
"""The user of the session that a request's cookies stand for, or None."""

MADE_UP_USER = "easel"


class Logins:
    """(user, password) pairs, compared in constant time."""

    def __init__(self, pairs: Iterable[Login]) -> None:
        self._digests = [_digest(user, password) for user, password in pairs]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def match(self, user: str, password: str) -> bool:
        given, found = _digest(user, password), False
        for digest in self._digests:
            found |= hmac.compare_digest(digest, given)
        return found

    def user_of(self, headers: Headers) -> str | None:
        """The user of a valid HTTP Basic login, or None."""
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        return user if colon and self.match(user, password) else None


def make_up() -> Login:
    """A login for a server that would otherwise stand open: 96 bits."""
    return MADE_UP_USER, secrets.token_urlsafe(12)


def _digest(user: str, password: str) -> bytes:
    """Of fixed length, so that a comparison does not give the length away; the user's length keeps "a:b" + "c" apart from "a" + "b:c"."""
    name = user.encode("utf-8", "surrogatepass")
    return hashlib.sha256(len(name).to_bytes(4, "big") + name + password.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True)
class Guarded:
    """Routes behind logins; no logins: open. session: whether the page's own session opens them, too."""

    routes: Sequence[BaseRoute]
    logins: Logins
    session: bool = True


class LoginFirst:
    """ASGI: asks for a login in front of the guarded routes and names its user in `request.state.user`; everything else passes."""

    def __init__(self, app: ASGIApp, guarded: Sequence[Guarded], session: Session = lambda connection: None) -> None:
        self._app, self._guarded, self._session = app, guarded, session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        for group in self._guarded:
            if group.logins and any(route.matches(scope)[0] is not Match.NONE for route in group.routes):
                user = self._user(scope, group)
                if user is None:
                    return await self._refuse(scope, receive, send)
                scope = {**scope, "state": {**scope.get("state", {}), "user": user}}
                break
        await self._app(scope, receive, send)

    def _user(self, scope: Scope, group: Guarded) -> str | None:
        connection = HTTPConnection(scope)
        user = group.logins.user_of(connection.headers)
        return self._session(connection) if user is None and group.session else user

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "login needed"})
            return
        # "detail" as AUTOMATIC1111 words it: its clients look for these words
        body = {
            "error": "NotAuthenticated",
            "detail": "Incorrect username or password",
            "body": "",
            "errors": "",
            "field": "",
            "remedy": "Send the login with HTTP Basic, or log in on the page.",
        }
        # A page asks for fragments and pictures by itself; asked for a login there, a browser would cover the page with a window of its own.
        headers = Headers(scope=scope)
        page = "text/html" in headers.get("accept", "") or headers.get("sec-fetch-mode", "navigate") != "navigate"
        asks = {} if page else {"www-authenticate": "Basic"}
        await JSONResponse(body, 401, asks)(scope, receive, send)
