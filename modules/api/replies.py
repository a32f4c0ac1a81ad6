"""How errors are answered: A1111's shape `{error, detail, body, errors}` plus `field` and `remedy`, and a status for each kind.

A reply never holds a trace nor what the request said beyond the one wrong value; `body` is there because A1111's clients expect the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.responses import JSONResponse

from modules.core.errors import BadModelFile, BadPicture, EaselError, InvalidRequest, NotFound, OutOfMemory, OutputTrouble, Unavailable, Unsupported

STATUS: Mapping[type[EaselError], int] = {
    InvalidRequest: 400,
    NotFound: 404,
    BadModelFile: 400,
    BadPicture: 400,
    Unsupported: 400,
    OutputTrouble: 507,
    OutOfMemory: 507,
    Unavailable: 503,
}


class WrongType(InvalidRequest):
    """A body that is no JSON object, or a field of the wrong JSON type: 422, as A1111 has it."""


class UnknownScript(InvalidRequest):
    """A script that is not here: 422, as A1111 has it."""


class TooLarge(InvalidRequest):
    """A body over the limit: 413."""


OWN_STATUS: Mapping[type[EaselError], int] = {WrongType: 422, UnknownScript: 422, TooLarge: 413}


def status_of(error: EaselError) -> int:
    """The status of the nearest known class in the error's ancestry; 500 for an error that says no more than that it is one."""
    known = {**STATUS, **OWN_STATUS}
    return next((known[kind] for kind in type(error).__mro__ if kind in known), 500)


def answer(status: int, kind: str, detail: str, *, field: str = "", remedy: str = "", errors: str = "", more: Mapping[str, Any] = {}) -> JSONResponse:
    """One error as JSON. errors: the whole message in one line, as A1111's clients print it."""
    said = errors or f"{detail} {remedy}".strip()
    return JSONResponse({"error": kind, "detail": detail, "body": "", "errors": said, "field": field, "remedy": remedy, **more}, status)


def answer_for(error: EaselError) -> JSONResponse:
    more = {"candidates": list(error.candidates)} if isinstance(error, NotFound) else {}
    return answer(status_of(error), type(error).__name__, error.what, field=error.field, remedy=error.remedy, more=more)


def renamed(error: InvalidRequest, name: str) -> InvalidRequest:
    """The same complaint, of the same kind, under the name by which the caller knows the field."""
    what = name + error.what.removeprefix(error.field) if error.field and error.what.startswith(error.field) else error.what
    return type(error)(what, error.remedy, name)


def wrong_type(error: ValidationError) -> WrongType:
    """The first complaint of pydantic as one of ours. Long values are cut: a reply is no place for a picture."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    shown = repr(first.get("input"))
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return WrongType(f"{name} = {shown} is not usable: {first['msg']}.", "See /openapi.json for the type of each field.", name)
