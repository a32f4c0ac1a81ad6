"""How a parameter is declared once, and read by every face.

A parameter is a field of a frozen dataclass, annotated with `Param`. The widget, the command-line flag, the API schema, the infotext key and
the limits that pydantic checks all come from that declaration through `walk`. Knows no face and no parameter in particular.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import annotated_types
from pydantic import ConfigDict, TypeAdapter, ValidationError

from modules.core.errors import InvalidRequest

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""What a dataclass of parameters sets as `__pydantic_config__`; without it a misspelt key passes in silence."""


@dataclass(frozen=True)
class Param(annotated_types.GroupedMetadata):
    """label: as the page shows it. minimum, maximum: inclusive limits. step, usual: of a slider, and its right end where few go as far as maximum. text: key in A1111's infotext.
    choices: the allowed names, or a function that lists them. flag: on the command line, where the field's own name is not it.
    max_length: of a text, in characters. lines: several texts are typed, each on a line of its own. hint: one sentence for a person who has never met the parameter."""

    label: str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    usual: float | None = None
    text: str | None = None
    choices: Sequence[str] | Callable[[], Sequence[str]] | None = None
    flag: str | None = None
    max_length: int | None = None
    lines: bool = False
    hint: str = ""

    def __iter__(self) -> Iterator[annotated_types.BaseMetadata]:
        if self.minimum is not None:
            yield annotated_types.Ge(self.minimum)
        if self.maximum is not None:
            yield annotated_types.Le(self.maximum)
        if self.max_length is not None:
            yield annotated_types.MaxLen(self.max_length)

    def names(self) -> list[str]:
        """The allowed names, in the order of a menu; empty when any value goes."""
        return list(self.choices() if callable(self.choices) else self.choices or ())


@dataclass(frozen=True)
class Field:
    """One declared parameter: `path` from the root dataclass, its plain `type` (without Annotated), its `param` and its default."""

    path: tuple[str, ...]
    type: Any
    param: Param
    default: Any

    @property
    def name(self) -> str:
        """Dotted, as in JSON: `variation.seed`."""
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        """Without the leading dashes: `variation-seed`."""
        return self.param.flag or "-".join(self.path).replace("_", "-")


@cache
def walk(cls: type) -> tuple[Field, ...]:
    """Every parameter of a dataclass and of the dataclasses nested in it, in the order of declaration."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found: list[Field] = []
    for item in dataclasses.fields(cls):
        hint = hints[item.name]
        if dataclasses.is_dataclass(hint):
            found += [dataclasses.replace(inner, path=(item.name, *inner.path)) for inner in walk(typing.cast(type, hint))]
            continue
        if typing.get_origin(hint) is not typing.Annotated:
            raise TypeError(f"{cls.__name__}.{item.name} is no declared parameter: annotate it with Param")
        plain, *notes = typing.get_args(hint)
        param = next(note for note in notes if isinstance(note, Param))
        default = item.default if item.default is not dataclasses.MISSING else item.default_factory()  # type: ignore[operator]
        found.append(Field((item.name,), plain, param, default))
    return tuple(found)


def named(cls: type, name: str) -> Field:
    """The parameter with this dotted name; InvalidRequest names the unknown one."""
    for field in walk(cls):
        if field.name == name:
            return field
    raise InvalidRequest(f"There is no parameter {name!r}.", "Look at the list of parameters.", name)


def value_of(instance: Any, field: Field) -> Any:
    for part in field.path:
        instance = getattr(instance, part)
    return instance


def with_values(instance: T, values: Mapping[str, Any]) -> T:
    """A checked copy with some parameters changed, by dotted name. Raises InvalidRequest."""
    tree = to_dict(instance)
    for name, value in values.items():
        *groups, last = named(type(instance), name).path
        place = tree
        for group in groups:
            place = place[group]
        place[last] = value
    return from_dict(type(instance), tree)


def adapter(cls: type) -> TypeAdapter[Any]:
    """pydantic's reader and writer of a dataclass of parameters."""
    return _adapter(typing.cast(Hashable, cls))


@cache
def _adapter(cls: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(typing.cast(Any, cls))


def to_dict(instance: Any) -> dict[str, Any]:
    """Nested plain values, ready for JSON; lossless: `from_dict` gives an equal instance."""
    return adapter(type(instance)).dump_python(instance, mode="json")


def from_dict(cls: type[T], data: Any) -> T:
    """A checked instance from nested plain values. Raises InvalidRequest that names the first wrong field, its value and the allowed ones."""
    try:
        return adapter(cls).validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _explain(first) from None


def _explain(error: Mapping[str, Any]) -> InvalidRequest:
    name = ".".join(str(part) for part in error["loc"])
    shown = _shown(error.get("input"))
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return InvalidRequest(f"There is no parameter {name!r}.", "Check its spelling.", name)
    context = error.get("ctx") or {}
    remedies = {
        "greater_than_equal": "Give {ge} or more.",
        "less_than_equal": "Give {le} or less.",
        "too_long": "Give at most {max_length}.",
        "string_too_long": "Shorten it to {max_length} characters.",
        "literal_error": "Give one of {expected}.",
        "finite_number": "Give a finite number.",
        "int_parsing": "Give a whole number.",
        "int_from_float": "Give a whole number.",
        "float_parsing": "Give a number.",
        "bool_parsing": "Give true or false.",
        "string_type": "Give a text.",
    }
    remedy = remedies.get(error["type"], "").format(**{"ge": "", "le": "", "max_length": "", "expected": "", **context})
    why = "" if remedy else f": {error['msg']}"  # pydantic's words only where there are none of ours
    return InvalidRequest(f"{name or 'The request'} = {shown} is not usable{why}.", remedy, name)


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested without end, or a number of thousands of digits
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 80 else text[:77] + "..."


def rows_of(kind: Any) -> type | None:
    """The dataclass of which a tuple type holds instances; None for every other type."""
    inner = typing.get_args(kind)[:1] if typing.get_origin(kind) is tuple else ()
    return typing.cast(type, inner[0]) if inner and dataclasses.is_dataclass(inner[0]) else None


def is_optional(kind: Any) -> bool:
    return isinstance(kind, types.UnionType) and type(None) in typing.get_args(kind)


def literal_names(kind: Any) -> list[str]:
    """The names of a Literal type; empty for other types."""
    return list(typing.get_args(kind)) if typing.get_origin(kind) is typing.Literal else []
