"""Plain access to JSON that anyone may have written: what is absent or of another type comes back empty, never as an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def loads(text: object) -> Any:
    """The value of a JSON text; None for what is none, is nested too deep or holds absurd numbers."""
    if not isinstance(text, str) or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> Mapping[str, Any]:
    """The value itself, or what it holds as JSON text; empty for anything else."""
    if isinstance(value, str):
        value = loads(value)
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Any]:
    if isinstance(value, str):
        value = loads(value)
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None


def first(values: Mapping[str, Any], *names: str) -> Any:
    """The first of these entries that is there and says something."""
    return next((values[name] for name in names if values.get(name) not in (None, "")), None)
