"""An A1111 txt2img body -> our request: names and defaults from `sdapi_names`, the login's options beneath, `override_settings` above.

Layers, later ones win: the login's options, A1111's defaults, the pasted infotext, override_settings, the fields of the body. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from modules.api.replies import UnknownScript, renamed
from modules.api.sdapi_names import BY_OPTION, OPTIONS, TXT2IMG, asks_nothing, foreign_name
from modules.api.sdapi_options import Find, checked, fields_of
from modules.core.errors import InvalidRequest, Unsupported
from modules.core.params import value_of, walk, with_values
from modules.core.records.samplers import SAMPLERS, split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest
from modules.infotext.a1111 import read
from modules.infotext.grammar import parse


@dataclass(frozen=True)
class Wish:
    """What a body asks for. save: keep files. send: put pictures into the answer. echo: the body with A1111's defaults filled in."""

    request: GenerationRequest
    save: bool
    send: bool
    echo: Mapping[str, Any]


def translate(body: BaseModel, options: Mapping[str, Any], find: Find) -> Wish:
    """options: what the caller's login changed. find: looks a checkpoint up. Raises EaselError, with A1111's name of the field to blame."""
    sent = body.model_dump()
    given = {name: value for name, value in sent.items() if name in body.model_fields_set and value is not None}
    filled = {name.name: sent[name.name] if sent[name.name] is not None else name.default for name in TXT2IMG}
    _refuse(filled)
    overrides = checked(filled["override_settings"], find, "override_settings.")
    said = _said(filled["infotext"]) if filled["infotext"] else {}
    changed = {**options, **overrides}
    try:
        sampler, schedule = _sampler(given, filled, said)
        eta_key = SAMPLERS.get(sampler).eta
        values = fields_of({option.name: option.default for option in OPTIONS}, eta_key)
        values |= fields_of(options, eta_key)
        values |= {name.field: name.default for name in TXT2IMG if name.field and name.default is not None}
        values |= said
        values |= fields_of(overrides, eta_key)
        values |= {name.field: given[name.name] for name in TXT2IMG if name.field and name.name in given and not (name.yields and _acts(changed, name.name))}
        values |= {name.field: 0 for name in TXT2IMG if name.off and values[name.field] in name.off}
        request = with_values(GenerationRequest(), values | {"sampler": sampler, "schedule": schedule})
    except InvalidRequest as error:
        raise renamed(error, foreign_name(error.field)) from None
    return Wish(request, filled["save_images"], filled["send_images"], sent)


def _sampler(given: Mapping[str, Any], filled: Mapping[str, Any], said: Mapping[str, Any]) -> tuple[str, str]:
    """`sampler_index` is the old name of `sampler_name`; a schedule inside the sampler's name ("DPM++ 2M Karras") wins over `scheduler`, as in A1111."""
    named = given.get("sampler_name") or given.get("sampler_index") or said.get("sampler") or filled["sampler_index"]
    sampler, inside = split_sampler(named)
    return sampler, inside or SCHEDULES.get(given.get("scheduler") or said.get("schedule") or "Automatic").name


def _said(text: str) -> dict[str, Any]:
    """What an infotext says, by dotted name of our fields; fields that it does not mention are left out."""
    keys, request = parse(text), read(text, unsaid_noise="GPU").request
    said: dict[str, Any] = {}
    for field in walk(GenerationRequest):
        value = value_of(request, field)
        mentioned = field.param.text in keys or field.name in ("prompt", "negative_prompt") or (field.name in ("width", "height") and "Size-1" in keys)
        if mentioned or value != field.default:
            said[field.name] = value
    return said


def _acts(changed: Mapping[str, Any], name: str) -> bool:
    """Whether the option of this name was changed away from its default."""
    return changed.get(name, BY_OPTION[name].default) != BY_OPTION[name].default


def _refuse(filled: Mapping[str, Any]) -> None:
    for name in TXT2IMG:
        if name.refused and not asks_nothing(filled[name.name]):
            raise Unsupported(f"{name.name}: {name.refused} is not built yet.", "Leave it out or switch it off.", name.name)
    if not asks_nothing(filled["script_name"]):
        raise UnknownScript(f"Script {str(filled['script_name'])[:80]!r} not found.", "Leave it out: no scripts are built yet.", "script_name")
    for title, block in filled["alwayson_scripts"].items():
        arguments = block.get("args") if isinstance(block, dict) else block
        if not _idle(arguments):
            raise UnknownScript(f"Always-on script {title[:80]!r} not found.", "Leave it out, or switch it off in its arguments.", "alwayson_scripts")


def _idle(arguments: Any) -> bool:
    """True for the arguments of a script that is switched off: none, a leading False, or blocks that say `enabled: false`. Clients send such blocks with every request."""
    if asks_nothing(arguments):
        return True
    if isinstance(arguments, dict):
        return arguments.get("enabled") is False
    return isinstance(arguments, list) and (arguments[0] is False or all(_idle(one) for one in arguments))
