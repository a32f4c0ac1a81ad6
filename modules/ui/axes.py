"""The axes of an X/Y/Z plot as the page lists them, and which of them mean nothing to a checkpoint's family. The plot itself is `ui.plot`."""

from __future__ import annotations

from typing import Any

import gradio as gr

from modules.core.errors import EaselError
from modules.core.records.families import FamilyRecord
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest
from modules.engine.supports import fields_of
from modules.engine.sweeps.script import Tab
from modules.engine.sweeps.xyz_axes import AXES, FIELDS, Axis, axis_of
from modules.engine.sweeps.xyz_cells import LETTERS
from modules.ui.form import Form

PLOT = "X/Y/Z plot"


def menu_of_axes(tab: Tab) -> list[tuple[str, str]]:
    """A1111's axes that can be plotted, then every other field of a request."""
    known = [axis.name for axis in AXES if axis.tab in ("", tab) and not axis.lacking]
    taken = {name.casefold() for name in known}
    further = [(f"{field.param.label} · {field.name}", field.name) for field in FIELDS.values() if field.param.label.casefold() not in taken]
    return [*((name, name) for name in known), *further]


def found(tab: Tab, name: str) -> Axis | None:
    own = next((axis for axis in AXES if axis.name == name and axis.tab in ("", tab)), None)
    try:
        return own or axis_of(name)
    except EaselError:
        return None


def hint_of(name: str) -> str:
    """How values of an axis are typed."""
    axis = found("txt2img", name)
    if axis is None or axis.name == "Nothing":
        return ""
    examples = {"int": "1-5, or 1-9 (+2), or 10, 20, 30", "float": "0.2-1.0 (+0.2), or 5-9 [3], or 4, 7.5", "order": "cat, dog, tree: words of the prompt"}
    return "word in the prompt, its replacement, another" if axis.name == "Prompt S/R" else examples.get(axis.kind, "values, with commas between them")


def unsuited(record: FamilyRecord, form: Form[GenerationRequest]) -> dict[str, dict[str, Any]]:
    """Element id -> the places in a menu of axes, or the words among values, that mean nothing to the family, and why. They are marked and can be chosen all the same:
    another axis may change the checkpoint."""
    arguments = form.choice.forms.get(PLOT) if form.choice else None
    if arguments is None:
        return {}
    lacking = {field.name: reason for name, reason in {**record.idle, **record.lacks}.items() for field in fields_of(name)}
    works = (*record.samplers, *record.schedules)
    words = [name for name in (*SAMPLERS.names(), *SCHEDULES.names()) if works and name not in works]
    told: dict[str, dict[str, Any]] = {}
    for letter in LETTERS:
        menu, values = (arguments.widgets[f"{letter}_{part}"] for part in ("type", "menu"))
        listed = [found("img2img" if form.prefix == "img2img" else "txt2img", value) for _, value in menu.choices] if isinstance(menu, gr.Dropdown) else []
        reasons = {place: lacking[axis.field] for place, axis in enumerate(listed) if axis and axis.field in lacking}
        if reasons:
            told[str(menu.elem_id)] = {"why": "", "reasons": reasons, "places": [*reasons], "marked": True}
        if words:
            told[str(values.elem_id)] = {"why": f"Does not work with {record.title}.", "places": [], "words": words, "marked": True}
    return told
