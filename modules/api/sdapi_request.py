"""An A1111 txt2img or img2img body -> our request: names and defaults from `sdapi_names`, the login's options beneath, `override_settings` above.

Layers, later ones win: the login's options, A1111's defaults, the pasted infotext, override_settings, the fields of the body. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pydantic import BaseModel

from modules.api import sdapi_control
from modules.api.replies import renamed
from modules.api.sdapi_fields import check_refiner, chosen, hires_fields, refiner_fields, said_by
from modules.api.sdapi_names import NAMES, PICTURES, Tab, asks_nothing, foreign_name
from modules.api.sdapi_options import Find, checked, fields_of
from modules.core import room
from modules.core.errors import InvalidRequest, NotFound, Unsupported
from modules.core.groups.faces import RestoredFaces
from modules.core.params import with_values
from modules.core.records.options import BY_OPTION, OPTIONS
from modules.core.records.samplers import SAMPLERS, split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.core.request import TEXTS, GenerationRequest
from modules.prompt.grammar import networks

UNTOUCHED = {"solver.churn": 0, "solver.tmin": 0, "solver.tmax": 0, "solver.noise": 1}
"""Values of the request's own that A1111 does not name in the infotext, where they change nothing."""


class Scripts(Protocol):
    """What there is of A1111's scripts."""

    def named(self, tab: Tab, name: str, args: list[Any]) -> dict[str, Any]:
        """`script_name` with its positional arguments -> values of request fields. Raises UnknownScript, InvalidRequest."""

    def always_on(self, tab: Tab, blocks: Mapping[str, Any]) -> dict[str, Any]:
        """`alwayson_scripts` -> values of request fields. Raises UnknownScript, InvalidRequest."""


@dataclass(frozen=True)
class Desk:
    """What translating asks of the rest. find: a checkpoint by name. keep: a picture as it was sent -> its reference. faces: the files that restoring them as is
    wished still needs, "" for none: A1111 draws the picture without."""

    find: Find
    keep: Callable[[str, str], str]
    scripts: Scripts
    faces: Callable[[RestoredFaces], str] = lambda wish: ""


@dataclass(frozen=True)
class Wish:
    """What a body asks for. save: keep files. saving: how, where it differs from this server's settings. send: put pictures into the answer.
    echo: the body with A1111's defaults filled in. task: the client's own name for the job, "" without. notes: what was passed over, one sentence each."""

    request: GenerationRequest
    tab: Tab
    save: bool
    saving: Mapping[str, Any]
    send: bool
    echo: Mapping[str, Any]
    task: str = ""
    notes: tuple[str, ...] = field(default=())


def translate(body: BaseModel, tab: Tab, options: Mapping[str, Any], desk: Desk) -> Wish:
    """options: what the caller's login changed. Raises EaselError, with A1111's name of the field to blame."""
    sent = body.model_dump()
    given = {name: value for name, value in sent.items() if name in body.model_fields_set and value is not None}
    filled = {name.name: sent[name.name] if sent[name.name] is not None else name.default for name in NAMES[tab]}
    if tab == "img2img" and not filled["init_images"]:
        raise NotFound("Init image not found", "Send the picture to start from in init_images.", "init_images")
    _refuse(tab, filled)
    overrides = checked(filled["override_settings"], desk.find, "override_settings.")
    changed = {**options, **overrides}
    try:
        values = _values(tab, given, filled, options, overrides, desk.scripts)
        request = with_values(GenerationRequest(), values)
        if lack := desk.faces(request.faces):
            request = replace(request, faces=RestoredFaces())
        room.check(request, "one answer")
        check_refiner(request, desk.find)
        request = with_values(request, dict(_pictures(filled, request.batch_size, desk.keep)))
        request = sdapi_control.with_pictures(request, filled["alwayson_scripts"], desk.keep)
    except InvalidRequest as error:
        raise renamed(error, foreign_name(error.field, tab)) from None
    samples, grids = (filled["save_images"] and not filled[name] for name in ("do_not_save_samples", "do_not_save_grid"))
    saving = {option.name: changed[option.name] for option in OPTIONS if option.saving and option.name in changed}
    saving["return_grid"] = grids and changed.get("return_grid", True)
    saving |= ({} if samples else {"samples_save": False}) | ({} if grids else {"grid_save": False})
    return Wish(
        request,
        tab,
        samples or grids,
        saving,
        filled["send_images"],
        _echo(sent, filled),
        filled["force_task_id"] or "",
        (f"Faces were not restored: that needs {lack}.",) if lack else (),
    )


def _values(
    tab: Tab, given: Mapping[str, Any], filled: Mapping[str, Any], options: Mapping[str, Any], overrides: Mapping[str, Any], scripts: Scripts
) -> dict[str, Any]:
    """All layers, as values of request fields by dotted name; pictures are left to `_pictures`."""
    changed = {**options, **overrides}
    said = said_by(filled["infotext"], tab) if filled["infotext"] else {}
    sampler, schedule = _sampler(given, filled, said)
    eta_key = SAMPLERS.get(sampler).eta
    acting = {
        "hires": given.get("enable_hr", said.get("hires.enabled", False)),
        "mask": bool(filled.get("mask")) or not asks_nothing(filled["script_name"]),
        "refiner": not asks_nothing(given.get("refiner_checkpoint", said.get("refiner.checkpoint"))),
    }
    names = [name for name in NAMES[tab] if name.field and name.name not in PICTURES and acting.get(name.field.partition(".")[0], True)]
    own = {name.field: chosen(name, given[name.name]) for name in names if name.name in given and not (name.yields and _acts(changed, name.name))}
    values = fields_of({option.name: option.default for option in OPTIONS}, eta_key, tab)
    values |= fields_of(options, eta_key, tab)
    values |= {name.field: chosen(name, name.default) for name in names if name.default is not None}
    values |= said
    values |= fields_of(overrides, eta_key, tab, overriding=True)
    values |= own
    values |= {name.field: 0 for name in names if name.off and values.get(name.field) in name.off}
    if filled.get("mask_blur") is not None and acting["mask"]:
        values |= {"mask.blur_x": filled["mask_blur"], "mask.blur_y": filled["mask_blur"]}
    if acting["hires"]:
        values |= hires_fields(values, given, filled)
    else:
        values = {name: value for name, value in values.items() if not name.startswith("hires.")}
    if acting["refiner"]:
        values |= refiner_fields(values, given)
    else:
        values = {name: value for name, value in values.items() if not name.startswith("refiner.")}
    if not values["faces.restore"]:
        values = {name: value for name, value in values.items() if not name.startswith("faces.")}
    values["solver.named"] = all(value == UNTOUCHED[name] for name, value in own.items() if name in UNTOUCHED)
    values |= scripts.always_on(tab, filled["alwayson_scripts"])
    if not asks_nothing(filled["script_name"]):
        values |= scripts.named(tab, filled["script_name"], filled["script_args"])
    if filled["disable_extra_networks"]:
        values |= {name: networks(values[name])[0] for name in TEXTS if name in values}
    return values | {"sampler": sampler, "schedule": schedule}


def _sampler(given: Mapping[str, Any], filled: Mapping[str, Any], said: Mapping[str, Any]) -> tuple[str, str]:
    """`sampler_index` is the old name of `sampler_name`; a schedule inside the sampler's name ("DPM++ 2M Karras") wins over `scheduler`, as in A1111."""
    named = given.get("sampler_name") or given.get("sampler_index") or said.get("sampler") or filled["sampler_index"]
    sampler, inside = split_sampler(named)
    return sampler, inside or SCHEDULES.get(given.get("scheduler") or said.get("schedule") or "Automatic").name


def _pictures(filled: Mapping[str, Any], batch_size: int, keep: Callable[[str, str], str]) -> Iterator[tuple[str, Any]]:
    """What was sent as pictures, kept. Last of all, so that a request that is refused leaves none behind. Several start pictures are a batch of that size;
    A1111 refuses more than were asked for."""
    images = filled.get("init_images") or []
    if len(images) > max(batch_size, 1):
        what = f"init_images holds {len(images)} pictures, and batch_size is {batch_size}."
        raise InvalidRequest(what, f"Set batch_size to {len(images)}, or send one request for each.", "init_images")
    kept = [keep(image, "init_images") for image in images]
    if kept:
        yield "init.image", kept[0]
    if len(kept) > 1:
        yield from (("init.batch", kept), ("batch_size", len(kept)))
    for name, place in (("mask", "mask.image"), ("latent_mask", "mask.latent")):
        if filled.get(name):
            yield place, keep(filled[name], name)


def _acts(changed: Mapping[str, Any], name: str) -> bool:
    """Whether the option of this name was changed away from its default."""
    return changed.get(name, BY_OPTION[name].default) != BY_OPTION[name].default


def _refuse(tab: Tab, filled: Mapping[str, Any]) -> None:
    for name in NAMES[tab]:
        if name.refused and not asks_nothing(filled[name.name]):
            raise Unsupported(f"{name.name}: {name.refused} is not built yet.", "Leave it out or switch it off.", name.name)


def _echo(sent: Mapping[str, Any], filled: Mapping[str, Any]) -> dict[str, Any]:
    """The body, its pictures left out unless they were asked for."""
    hidden = {} if filled.get("include_init_images") else {name: None for name in PICTURES if name in sent}
    return {**sent, **hidden}
