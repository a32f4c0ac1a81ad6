"""One value out of a file -> the type and the limits of a request's field. Knows the declaration of fields, no tool and no format."""

from __future__ import annotations

import json
import math
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from modules.core import levels
from modules.core.errors import InvalidRequest
from modules.core.params import Field, from_dict, is_optional, literal_names, rows_of, to_dict
from modules.core.request import RECORD_LIMIT
from modules.infotext import limits
from modules.infotext.names import SURROGATE, file_name

SEEDS = ("seed", "variation.seed")
"""Fields where a value out of range is given up: the nearest seed would be any other picture."""


LISTED = 40_000
"""Characters of a list of numbers that are looked at."""


class Unusable(Exception):
    """Why a value cannot be used, as a sentence for the table."""


def coerce(field: Field, value: object) -> tuple[Any, str]:
    """(the value in the field's type and limits, what had to be changed). Raises Unusable."""
    kinds = [kind for kind in getattr(field.type, "__args__", ()) if kind is not type(None)] if is_optional(field.type) else [field.type]
    kind = kinds[0]
    if names := literal_names(kind):
        known = {name.casefold(): name for name in names}
        if str(value).casefold() in known:
            return known[str(value).casefold()], ""
        raise Unusable(f"Easel knows {', '.join(names)}.")
    if kind is bool:
        return _truth(value), ""
    if kind in (int, float):
        return _number(field, kind, value)
    if kind is str:
        return _text(field, value)
    if kind == levels.Levels:
        return _levels(value), ""
    if row := rows_of(kind):
        return _rows(row, field.param.max_length or limits.NAMED, value), ""
    if typing.get_origin(kind) is tuple:
        return _names(value), ""
    return (_hashes(value) if kind == dict[str, str] else _records(value) if field.name == "extensions" else _arguments(value)), ""


def _truth(value: object) -> bool:
    word = str(value).strip().casefold()
    if word in ("true", "1", "1.0", "yes", "on"):
        return True
    if word in ("false", "0", "0.0", "no", "off", "none"):
        return False
    raise Unusable("Easel expects True or False here.")


def _number(field: Field, kind: type, value: object) -> tuple[Any, str]:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unusable("Easel expects a number here.")
    number: int | float
    try:
        number = value if isinstance(value, int) else _parsed(value)
    except ValueError:
        raise Unusable("Easel expects a number here.") from None
    if isinstance(number, float) and not math.isfinite(number):
        raise Unusable("Easel expects a finite number here.")
    low, high = field.param.minimum, field.param.maximum
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if not low <= number <= high:
        if field.name in SEEDS:
            raise Unusable("Easel has no such seed.")
        return kind(min(max(number, low), high)), f"Easel takes {low:g} to {high:g}."
    if kind is int:
        return round(number), "" if number == round(number) else "Easel takes whole numbers here."
    try:
        return float(number), ""
    except OverflowError:
        raise Unusable("Easel expects a smaller number here.") from None


def _parsed(value: str | float) -> int | float:
    if isinstance(value, float):
        return value
    text = value.strip()
    if len(text) > 40:
        raise ValueError("too long for a number")
    try:
        return int(text)
    except ValueError:
        return float(text)


def _text(field: Field, value: object) -> tuple[str, str]:
    if not isinstance(value, str | int | float):
        raise Unusable("Easel expects a text here.")
    text, limit = SURROGATE.sub("\ufffd", str(value)), field.param.max_length
    if limit is not None and len(text) > limit:
        return text[:limit], f"Cut to {limit} characters, the most that Easel takes."
    return text, ""


def _levels(value: object) -> levels.Levels:
    try:
        given = levels.read(value) if isinstance(value, str) and len(value) <= LISTED else value
        if isinstance(given, str) or not isinstance(given, Sequence) or not all(type(level) in (int, float) for level in given):
            raise Unusable("Easel expects a list of numbers here.")
        return levels.check(tuple(map(float, given)))
    except InvalidRequest as error:
        raise Unusable(error.what) from None
    except OverflowError:
        raise Unusable("Easel expects smaller numbers here.") from None


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(name, str) for name in value):
        raise Unusable("Easel expects a list of names here.")
    return tuple(SURROGATE.sub("\ufffd", name) for name in value[: limits.NAMED])


def _rows(row: type, most: int, value: object) -> list[dict[str, Any]]:
    """Each checked alone; the first that is wrong says why."""
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) > most:
        raise Unusable(f"Easel expects a list of at most {most} here.")
    try:
        return [to_dict(from_dict(row, one)) for one in value]
    except (InvalidRequest, RecursionError) as error:
        raise Unusable(error.what if isinstance(error, InvalidRequest) else "It is nested too deep.") from None


def _hashes(value: object) -> dict[str, str]:
    """Names to sha256, at most 200 of them; names lose their paths, what is no hash is dropped."""
    if not isinstance(value, Mapping):
        raise Unusable("Easel expects names with hashes here.")
    found = {file_name(str(name)): str(digest).strip().lower() for name, digest in list(value.items())[:200]}
    return {name: digest if re.fullmatch(r"[0-9a-f]{8,64}", digest) else "" for name, digest in found.items() if name}


def _arguments(value: object) -> dict[str, Any]:
    """Arguments by name; what they mean is the script's to check."""
    if not isinstance(value, Mapping) or not _plain(value, limits.DEPTH):
        raise Unusable("Easel expects arguments by name here.")
    return dict(value)


def _records(value: object) -> dict[str, Any]:
    """What each extension recorded, by its name."""
    found = _arguments(value)
    if not all(isinstance(record, Mapping) for record in found.values()) or len(json.dumps(found, ensure_ascii=False)) > RECORD_LIMIT:
        raise Unusable(f"Easel expects records by the names of extensions here, {RECORD_LIMIT} characters at most.")
    return found


def _plain(value: object, depth: int) -> bool:
    """Whether a value is JSON of finite numbers and whole characters, nested no deeper than that."""
    if isinstance(value, str):
        return not SURROGATE.search(value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return depth > 0 and all(isinstance(key, str) and _plain(key, 0) and _plain(inner, depth - 1) for key, inner in value.items())
    if value is None or isinstance(value, int):
        return True
    return isinstance(value, list) and depth > 0 and all(_plain(inner, depth - 1) for inner in value)
