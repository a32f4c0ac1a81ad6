"""A1111's scripts as its API knows them: lists, argument descriptions, and the way of positional arguments into a request. Knows no script by what it does.

Names are looked up whatever their case. Soft inpainting and ControlNet (`sdapi_control`) are the always-on scripts that act; blocks of scripts that are switched off are passed over,
for clients send them with every request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modules.api import sdapi_control
from modules.api.replies import UnknownScript, renamed
from modules.api.sdapi_names import Tab, asks_nothing
from modules.core.errors import InvalidRequest
from modules.core.params import named as field_named
from modules.core.registry import Registry
from modules.core.request import GenerationRequest
from modules.engine.sweeps import SWEEPS
from modules.engine.sweeps.script import ScriptRecord

TABS: tuple[Tab, ...] = ("txt2img", "img2img")
SOFT = "soft inpainting"
SOFT_ARGUMENTS = ("enabled", "bias", "preservation", "contrast", "influence", "threshold", "difference_contrast")
"""In A1111's order; each is `mask.soft.` and its name here."""
OF_THE_PAGE = ("refiner", "sampler", "seed", "extra options")
"""Always-on blocks that act on A1111's page alone, never on its API."""


@dataclass(frozen=True)
class ScriptDesk:
    """scripts: every record. upscalers: names of those that are files."""

    scripts: Registry[ScriptRecord] = SWEEPS
    upscalers: Callable[[], Sequence[str]] = tuple

    def named(self, tab: Tab, name: str, args: Sequence[Any]) -> dict[str, Any]:
        """`script_name` and `script_args` -> values of request fields. Raises UnknownScript, InvalidRequest."""
        script = self.scripts.find(name)
        if script is None or tab not in script.tabs:
            there = ", ".join(one.name for one in self._of(tab)) or "none"
            raise UnknownScript(f"Script {name[:80]!r} not found.", f"Scripts of {tab}: {there}.", "script_name")
        try:
            return {"script.name": script.name, "script.args": script.from_list(args, tab, self.upscalers())}
        except InvalidRequest as error:
            place = error.field.removeprefix("script.args").strip(".")
            raise renamed(error, f"script_args.{place}" if place else "script_args") from None

    def always_on(self, tab: Tab, blocks: Mapping[str, Any]) -> dict[str, Any]:
        """`alwayson_scripts` -> values of request fields. Raises UnknownScript for one that is switched on and not here, InvalidRequest."""
        values: dict[str, Any] = {}
        for title, block in blocks.items():
            arguments = block.get("args") if isinstance(block, dict) else block
            if is_idle(arguments) or title.strip().casefold() in OF_THE_PAGE:
                continue
            if title.strip().casefold() == sdapi_control.TITLE:
                values["control"] = sdapi_control.requested(block)
                continue
            if title.strip().casefold() != SOFT or tab != "img2img":
                raise UnknownScript(f"Always-on script {title[:80]!r} not found.", "Leave it out, or switch it off in its arguments.", "alwayson_scripts")
            values |= _soft(arguments)
        return values

    def lists(self) -> dict[str, list[str]]:
        """A1111's /scripts: names in lower case, those that are always on behind the others."""
        return {tab: [one.name.lower() for one in self._of(tab)] + [sdapi_control.TITLE] + ([SOFT] if tab == "img2img" else []) for tab in TABS}

    def described(self) -> list[dict[str, Any]]:
        """A1111's /script-info: one entry for each tab that has the script."""
        rows: list[dict[str, Any]] = []
        for tab in TABS:
            rows += [_row(one.name, False, tab, one.listed(tab, self.upscalers())) for one in self._of(tab)]
        rows += [_row(sdapi_control.TITLE, True, tab, []) for tab in TABS]
        return [*rows, _row(SOFT, True, "img2img", [_argument(name) for name in SOFT_ARGUMENTS])]

    def _of(self, tab: Tab) -> list[ScriptRecord]:
        return [one for one in self.scripts if tab in one.tabs]


def is_idle(arguments: Any) -> bool:
    """True for the arguments of a script that is switched off: none, a leading False, or blocks that say `enabled: false`."""
    if asks_nothing(arguments):
        return True
    if isinstance(arguments, dict):
        return arguments.get("enabled") is False
    return isinstance(arguments, list) and (arguments[0] is False or all(is_idle(one) for one in arguments))


def _soft(arguments: Any) -> dict[str, Any]:
    if not isinstance(arguments, list) or len(arguments) > len(SOFT_ARGUMENTS):
        what = f"The arguments of {SOFT!r} are no list of at most {len(SOFT_ARGUMENTS)} values."
        raise InvalidRequest(what, f"They are, in order: {', '.join(SOFT_ARGUMENTS)}.", "alwayson_scripts")
    return {f"mask.soft.{name}": value for name, value in zip(SOFT_ARGUMENTS, arguments, strict=False) if value is not None}


def _row(name: str, always: bool, tab: Tab, arguments: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name.lower(), "is_alwayson": always, "is_img2img": tab == "img2img", "args": arguments}


def _argument(name: str) -> dict[str, Any]:
    field = field_named(GenerationRequest, f"mask.soft.{name}")
    param = field.param
    return {"label": param.label, "value": field.default, "minimum": param.minimum, "maximum": param.maximum, "step": param.step, "choices": None}
