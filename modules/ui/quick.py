"""The quicksettings row: what a person took out of its accordion, or out of Settings, into the page's header. No control stands twice.

A parameter there belongs to every form of the page; a setting there acts as soon as it is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.params import named, walk
from modules.core.records.options import BY_OPTION, OPTIONS
from modules.core.request import GenerationRequest
from modules.core.settings import Settings
from modules.ui import layout
from modules.ui.form import Form
from modules.ui.talk import Act, Answer, Said, Talk

FIXED = ("quicksettings_list", "sd_model_checkpoint", "disabled_extensions", "extra_model_folders")
"""Settings that cannot stand there: the list itself, the checkpoint, whose menu is there anyway, and what another place sets."""


def offered() -> list[tuple[str, str]]:
    """(shown, name) of all that can stand there: what stands in the accordions of txt2img, under A1111's names where it has one, and the settings."""
    standing = [name for _, _, rows in layout.ACCORDIONS for names in rows for name in names]
    parameters = [(f"{named(GenerationRequest, name).param.label} ({name.rpartition('.')[0] or 'request'})", spelled(name)) for name in standing]
    return parameters + [(f"{field.param.label} (setting)", field.name) for field in walk(Settings) if field.name not in FIXED]


def spelled(field: str) -> str:
    """A1111's name of a parameter, or ours."""
    return next((option.name for option in OPTIONS if option.field == field), field)


def chosen(wanted: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The parameters and the settings among the names of the list, each once. Names that stand for neither are passed over: they may be of another program."""
    possible = {name for _, name in offered()}
    names = [name for name in dict.fromkeys(wanted) if name in possible]
    settings = [name for name in names if name in {field.name for field in walk(Settings)}]
    fields = [BY_OPTION[name].field if name in BY_OPTION else name for name in names if name not in settings]
    return fields, settings


def build(app: App, form: Form[GenerationRequest], choices: Form[Settings], menus: Mapping[str, Any], talk: Talk) -> list[str]:
    """Makes the row in the current place of the page. choices: the settings' form. menus: as for Settings. -> the parameters that stand there, for the other forms."""
    fields, settings = chosen(app.settings.value.quicksettings_list)
    if not fields and not settings:
        return []
    with gr.Row(elem_id="quicksettings_more"):
        for name in fields:
            form.put(name, elem_id=f"setting_{spelled(name).replace('.', '_')}", min_width=150)
        for name in settings:
            widget = choices.put(name, min_width=150, **({"choices": menus[name]} if name in menus else {}))
            talk.on(widget.input, _applied(app, choices, name), {widget}, explain=choices.explain)
    return fields


def _applied(app: App, choices: Form[Settings], name: str) -> Act:
    def act(values: Mapping[Component, Any], user: str) -> Answer:
        value = choices.meant(name, values)
        if value == getattr(app.settings.value, name):
            return Answer()
        app.settings.change(name, value)
        return Answer(said=Said(f"{named(Settings, name).param.label}.", "Settings saved"))

    return act
