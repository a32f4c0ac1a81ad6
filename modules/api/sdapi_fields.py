"""Single values of an A1111 body that need a rule of their own: indices for names, the second pass, a pasted infotext."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modules.api.replies import renamed
from modules.api.sdapi_names import Name, Tab, asks_nothing
from modules.core.errors import EaselError, InvalidRequest
from modules.core.params import value_of, walk
from modules.core.records.samplers import split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.core.records.upscalers import HIRES_UPSCALERS
from modules.core.request import GenerationRequest
from modules.infotext.a1111 import read
from modules.infotext.grammar import parse

HIRES_STRENGTH = 0.75
"""What A1111 takes where a body with `enable_hr` names none."""


def chosen(name: Name, value: Any) -> Any:
    """The value for our field: where A1111 counts choices (also by false and true), the one that is meant; its name is taken, too. Raises InvalidRequest."""
    if not name.choices:
        return value
    if isinstance(value, str):
        found = next((one for one in name.choices if one.casefold() == value.strip().casefold()), None)
        if found:
            return found
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 5 else -1 if value else value
    if not isinstance(value, int) or not 0 <= value < len(name.choices):
        listed = ", ".join(f"{number} ({one})" for number, one in enumerate(name.choices))
        raise InvalidRequest(f"{name.name} is none of its choices.", f"Give one of {listed}.", name.name)
    return name.choices[value]


def hires_fields(values: Mapping[str, Any], given: Mapping[str, Any], filled: Mapping[str, Any]) -> dict[str, Any]:
    """What a second pass needs beyond a plain copy. values: the request's fields so far. Raises InvalidRequest."""
    found: dict[str, Any] = {"hires.enabled": True}
    if "hires.strength" not in values:
        found["hires.strength"] = HIRES_STRENGTH
    known = {one.casefold(): one for one in HIRES_UPSCALERS}  # a file is looked for when the request is submitted
    if upscaler := values.get("hires.upscaler"):
        found["hires.upscaler"] = known.get(upscaler.strip().casefold(), upscaler)
    sampler, schedule = (values.get(f"hires.{name}") or "" for name in ("sampler", "schedule"))
    try:
        sampler, inside = ("", "") if asks_nothing(sampler) else split_sampler(sampler)
        schedule = inside or ("" if schedule in ("", "Use same scheduler") else SCHEDULES.get(schedule).name)
    except InvalidRequest as error:
        raise renamed(error, f"hires.{error.field}") from None
    found |= {"hires.sampler": sampler, "hires.schedule": schedule}
    first = filled["firstphase_width"] or 0, filled["firstphase_height"] or 0
    if any(first):  # the older way: width and height are the second pass's
        found |= {"hires.width": values["width"], "hires.height": values["height"]}
        found |= {"width": first[0] or values["width"], "height": first[1] or values["height"]}
    return found


def refiner_fields(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A refiner without a switching point takes over at once; one that the body names is not held to the hash of another in the infotext."""
    found = {} if "refiner.switch_at" in values else {"refiner.switch_at": 0.0}
    return found | ({"refiner.checkpoint_hash": ""} if given.get("refiner_checkpoint") else {})


def check_refiner(request: GenerationRequest, find: Callable[[str], object]) -> None:
    """find: a checkpoint by name. Raises NotFound, BadModelFile under A1111's name of the field."""
    try:
        if request.refiner.checkpoint:
            find(request.refiner.checkpoint)
    except EaselError as error:
        error.field = "refiner_checkpoint"
        raise


def said_by(text: str, tab: Tab) -> dict[str, Any]:
    """What an infotext says, by dotted name of our fields; fields that it does not mention are left out, and so are those of the other tab."""
    keys, request = parse(text), read(text, unsaid_noise="GPU").request
    groups = ("init", "mask", "script") if tab == "txt2img" else ("hires", "script")
    said: dict[str, Any] = {}
    for field in walk(GenerationRequest):
        if field.path[0] in groups:
            continue
        value = value_of(request, field)
        mentioned = field.param.text in keys or field.name in ("prompt", "negative_prompt") or (field.name in ("width", "height") and "Size-1" in keys)
        if mentioned or value != field.default:
            said[field.name] = value
    if tab == "img2img" and request.hires.enabled:
        said["init.strength"] = request.hires.strength
    return said if said.get("hires.enabled") else {name: value for name, value in said.items() if not name.startswith("hires.")}
