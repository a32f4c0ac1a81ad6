"""Every field of a request as a flag, derived from its declaration: a new field is a flag without a line here."""

from __future__ import annotations

import argparse
import json
import typing
from collections.abc import Iterable
from typing import Any

from modules.cli.parser import BadWords, Parser
from modules.core.levels import Levels
from modules.core.params import Field, is_optional, literal_names, rows_of, walk
from modules.core.request import GenerationRequest


def add_request(parser: Parser) -> None:
    add_fields(parser.add_argument_group("the picture", "Without a flag, what suits the model."), walk(GenerationRequest))


def add_fields(group: argparse._ArgumentGroup, fields: Iterable[Field]) -> None:
    """A flag for each."""
    for field in fields:
        how: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS, "help": _help(field)}
        if field.type is bool:
            how["action"] = argparse.BooleanOptionalAction
        elif typing.get_origin(field.type) is dict:
            how |= {"action": "append", "metavar": "NAME=VALUE"}
        elif field.type == Levels:
            how["metavar"] = "X,X,..."
        elif rows_of(field.type):
            how |= {"action": "append", "metavar": "JSON"}  # a unit of control names its pictures by paths (`starts`)
        elif typing.get_origin(field.type) is tuple:
            how |= {"action": "append", "metavar": "NAME"}
        else:
            how["metavar"] = (
                "N" if field.type is int else "X" if float in (field.type, *typing.get_args(field.type)) else "TEXT" if not _names(field) else "NAME"
            )
        spelled = "-".join(field.path).replace("_", "-")
        group.add_argument(*dict.fromkeys((f"--{field.flag}", f"--{spelled}")), **how)


def values_of(found: argparse.Namespace, kind: type = GenerationRequest) -> dict[str, Any]:
    """What was given, by dotted name. Texts stay texts: the request's own rules read and check them. Raises BadWords."""
    given = vars(found)
    return {field.name: _value(field, given[field.name]) for field in walk(kind) if field.name in given}


def value_of_text(field: Field, text: str) -> Any:
    """What `--set NAME=TEXT` means for this field. Raises BadWords."""
    return _value(field, [text] if _gathers(field) else text)


def _value(field: Field, given: Any) -> Any:
    if typing.get_origin(field.type) is dict:
        pairs = [text.partition("=") for text in given if text]
        if wrong := next((name for name, equals, _ in pairs if not equals), None):
            raise BadWords(f"--{field.flag} {wrong[:80]!r} is not usable. Write NAME=VALUE.")
        nested = typing.get_origin(typing.get_args(field.type)[1]) is dict
        return {name: _object(field, value) if nested else value for name, _, value in pairs}
    if rows_of(field.type):
        return [_object(field, text, "JSON objects, one for each") for text in given if text]
    if _gathers(field):
        return [text for text in given if text]
    if is_optional(field.type) and isinstance(given, str) and given.strip().lower() in ("", "none"):
        return None
    if folded := {name.casefold(): name for name in literal_names(field.type)}:
        return folded.get(str(given).casefold(), given)
    return given


def _gathers(field: Field) -> bool:
    """A flag that is given once for each of several values."""
    return field.type != Levels and typing.get_origin(field.type) in (dict, tuple)


def _object(field: Field, text: str, form: str = "NAME=VALUE with a JSON object as value") -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadWords(f"--{field.flag} {text[:80]!r} is not usable. Write {form}.")
    return found


def _names(field: Field) -> list[str]:
    return field.param.names() or literal_names(field.type)


def _help(field: Field) -> str:
    """label, limits or names, hint; argparse reads % as its own."""
    parts = [field.param.label]
    low, high = field.param.minimum, field.param.maximum
    if names := _names(field):
        parts.append(f"({', '.join(names)})")
    elif low is not None and high is not None and high < 1e9:
        parts.append(f"({low:g} to {high:g})")
    if field.param.hint:
        parts.append(f"- {field.param.hint}")
    return " ".join(parts).replace("%", "%%")
