"""How a script is declared once, and read by every face: its name, its arguments (a dataclass of Params), their order in A1111's API, its sweep."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from modules.core.errors import InvalidRequest
from modules.core.params import Field, from_dict, literal_names, named, to_dict
from modules.core.request import GenerationRequest
from modules.engine.sweeps.part import Sweep
from modules.engine.sweeps.tools import Tools

Tab = Literal["txt2img", "img2img"]
BOTH: tuple[Tab, ...] = ("txt2img", "img2img")


@dataclass(frozen=True, kw_only=True)
class ScriptRecord:
    """arguments: a frozen dataclass of Params. places: names of them in the order of A1111's list; "" is a place that holds a remark.
    counted: those that A1111 gives as an index into their choices. upscalers: those that name an upscaler: files come behind their choices.
    choices: of those whose choices differ by tab. grid_name: basename of its grid files.
    sweep: (request, arguments, tools) -> the generator. early: whether, with these arguments, one seed serves the whole sweep, so that it may be drawn
    already when the sweep is submitted: then even what a crash left of it can be gone on with."""

    name: str
    tabs: tuple[Tab, ...] = BOTH
    arguments: type
    places: tuple[str, ...]
    sweep: Callable[[GenerationRequest, Any, Tools], Sweep]
    counted: tuple[str, ...] = ()
    upscalers: tuple[str, ...] = ()
    choices: Mapping[str, Callable[[Tab], Sequence[str]]] = field(default_factory=dict)
    grid_name: str = "grid"
    aliases: tuple[str, ...] = ()
    early: Callable[[Any], bool] = lambda arguments: False

    def read(self, args: Mapping[str, Any]) -> Any:
        """The checked arguments, defaults filled in. Raises InvalidRequest with the field `script.args.NAME`."""
        try:
            return from_dict(self.arguments, dict(args))
        except InvalidRequest as error:
            remedy = error.remedy or "Look at the script's arguments."
            raise InvalidRequest(f"{self.name}: {error.what}", remedy, f"script.args.{error.field}".rstrip(".")) from None

    def from_list(self, values: Sequence[Any], tab: Tab, files: Sequence[str] = ()) -> dict[str, Any]:
        """A1111's positional arguments as `request.script.args`, checked. files: upscalers that are files. Missing ones and null take their defaults; an index becomes its name."""
        if len(values) > len(self.places):
            what = f"{self.name} takes {len(self.places)} arguments, and {len(values)} were given."
            raise InvalidRequest(what, f"They are, in order: {', '.join(name or 'a remark' for name in self.places)}.", "script.args")
        args = {name: self._value(name, value, tab, files) for name, value in zip(self.places, values, strict=False) if name}
        return to_dict(self.read({name: value for name, value in args.items() if value is not None}))

    def listed(self, tab: Tab, files: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The arguments as A1111's /script-info shows them, one for each place. files: upscalers that are files."""
        return [self._described(name, tab, files) for name in self.places]

    def choices_of(self, name: str, tab: Tab, files: Sequence[str] = ()) -> list[str]:
        """The names that an argument may take; empty when it is free."""
        if name in self.choices:
            return list(self.choices[name](tab))
        argument = named(self.arguments, name)
        names = literal_names(_single(argument)) or argument.param.names()
        return [*names, *(files if name in self.upscalers else ())]

    def _value(self, name: str, value: Any, tab: Tab, files: Sequence[str]) -> Any:
        several = typing.get_origin(named(self.arguments, name).type) is tuple
        if several and (value in ("", None) or isinstance(value, str)):
            return [value] if value else []
        names = self.choices_of(name, tab, files)
        if name in self.counted and (value is None or isinstance(value, int) and not isinstance(value, bool)):
            number = value or 0
            if not 0 <= number < len(names):
                what = f"{self.name}: {name} = {number} is not usable: it counts {len(names)} names from 0."
                raise InvalidRequest(what, f"Give 0 to {len(names) - 1}, or a name.", f"script.args.{name}")
            return names[number]
        if isinstance(value, str) and names:
            return next((one for one in names if one.casefold() == value.strip().casefold()), value)
        return value

    def _described(self, name: str, tab: Tab, files: Sequence[str]) -> dict[str, Any]:
        described: dict[str, Any] = dict.fromkeys(("label", "value", "minimum", "maximum", "step", "choices"))
        if not name:
            return described | {"label": ""}
        argument = named(self.arguments, name)
        param = argument.param
        several = isinstance(argument.default, tuple)
        return {
            "label": param.label,
            "value": list(argument.default) if several else argument.default,
            "minimum": param.minimum,
            "maximum": param.maximum,
            "step": param.step,
            "choices": self.choices_of(name, tab, files) or ([] if several else None),
        }


def _single(argument: Field) -> Any:
    """The type of an argument, of its members where it holds several."""
    inner = typing.get_args(argument.type)
    return inner[0] if typing.get_origin(argument.type) is tuple else argument.type
