"""Reads what a client sends, safely: at most so many bytes, JSON of bounded depth, finite numbers, whole pictures.

Knows no route. The depth limit is the parser's own (jiter's 200 levels), so a hostile body costs no stack.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar

from anyio import to_thread
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modules.api.replies import TooLarge, WrongType, answer_for, wrong_type

LIMIT = 64 * 2**20
"""Bytes of a body: a 4000 x 4000 picture in base64, with room to spare."""
LARGE = 2**20
"""Bytes from which a body is parsed in a thread, for the event loop serves everyone."""
PATIENCE = 8
"""A body over the limit is read on and thrown away up to so many limits, so that the client gets to read the answer instead of a broken connection."""

Body = TypeVar("Body", bound=BaseModel)


class BodyLimit:
    """Refuses bodies over `limit` bytes with 413, by Content-Length before a byte is read and by counting where none was announced."""

    def __init__(self, app: ASGIApp, limit: int = LIMIT) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        counted = 0

        async def limited() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > self.limit:
                await self._drain(receive, counted)
                raise self._refusal()
            return message

        if announced.isdigit() and len(announced) < 20 and int(announced) <= self.limit:
            await self.app(scope, limited, send)
            return
        await self._drain(receive, 0)
        await answer_for(self._refusal())(scope, receive, send)

    async def _drain(self, receive: Receive, read: int) -> None:
        while read < self.limit * PATIENCE:
            message = await receive()
            read += len(message.get("body", b"")) or 1
            if message["type"] != "http.request" or not message.get("more_body"):
                return

    def _refusal(self) -> TooLarge:
        return TooLarge(f"The body is larger than {self.limit // 2**20} MiB.", "Send smaller pictures, or fewer at once.")


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises WrongType with the reason, never with the body's text."""
    raw = await request.body()
    return _parsed(raw) if len(raw) < LARGE else await to_thread.run_sync(_parsed, raw)


async def typed(request: Request, kind: type[Body]) -> Body:
    """The body as a pydantic model. Raises WrongType."""
    try:
        return kind.model_validate(await json_object(request))
    except ValidationError as error:
        raise wrong_type(error) from None


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        data = from_json(raw, allow_inf_nan=True, cache_strings="none")
    except ValueError as error:  # jiter's messages name a place, and no text
        raise WrongType(f"The body is not usable JSON: {error}.", "Send one JSON object, encoded in UTF-8.") from None
    if not isinstance(data, dict):
        raise WrongType("The body is no JSON object.", 'Send something like {"prompt": "a red apple"}.')
    if path := _not_finite(data):
        name = ".".join(reversed(path))
        raise WrongType(f"{name} is not a finite number.", "Give a finite number, or leave it out.", name)
    return data


def _not_finite(value: Any) -> list[str]:
    """The path, innermost first, of the first number that is infinite or none; [] when there is none. The parser has bounded the depth."""
    items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, float):
            if not math.isfinite(item):
                return [str(key)]
        elif isinstance(item, dict | list) and (path := _not_finite(item)):
            return [*path, str(key)]
    return []
