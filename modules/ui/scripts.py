"""The Script menu of a panel, and under it the arguments of the chosen script. What a script takes is declared beside its sweep (`engine.sweeps`).

All scripts' arguments are on the page; the browser shows those of the chosen one (`assets/scripts.js`), so choosing asks the server nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import gradio as gr

from modules.app import App
from modules.core.params import walk
from modules.core.request import GenerationRequest
from modules.engine.sweeps import SWEEPS
from modules.engine.sweeps.script import ScriptRecord, Tab
from modules.ui import plot
from modules.ui.form import Choice, Form
from modules.ui.talk import Talk

FILLED_IN = ("seeds", "batch_grids")
"""Arguments that a run fills in; they have no widget."""

ABOUT = {
    "Prompt matrix": "Write a prompt as a|b|c: every combination of b and c is drawn with a.",
    "X/Y/Z plot": "A grid in which up to three parameters vary.",
    "Prompts from file or textbox": "One prompt a line, or a line of --prompt … --steps …; each is drawn in turn.",
    "Loopback": "Each picture is the start of the next one.",
    "SD upscale": "Enlarges the start picture and draws it anew in tiles.",
    "Outpainting mk2": "A1111's own outpainting. The mode Outpaint of the tab Inpaint / Outpaint does more.",
    "Poor man's outpainting": "A1111's simple outpainting, tile by tile.",
}
"""One sentence for each script."""


def build(app: App, form: Form[GenerationRequest], tab: Tab, talk: Talk) -> None:
    """Makes the menu and the arguments in the current place of the page, and puts them into the form."""
    records = [record for record in SWEEPS if tab in record.tabs]
    with gr.Column(elem_id=f"{form.prefix}_script_container", elem_classes="easel-scripts", min_width=0):
        menu = form.put("script.name", choices=[("None", ""), *((record.name, record.name) for record in records)], info=None)
        inner: dict[str, Form[Any]] = {}
        for record in records:
            arguments = Form(record.arguments(), f"{form.prefix}_script_{key(record.name)}")
            with gr.Column(elem_id=arguments.prefix, elem_classes="easel-script", min_width=0):
                if record.name in ABOUT:
                    gr.HTML(f"<p class='easel-hint'>{ABOUT[record.name]}</p>", apply_default_css=False)
                LAYOUTS.get(record.name, rows)(app, record, arguments, tab, talk)
            inner[record.name] = arguments
    form.choice = Choice("script.name", "script.args", inner)
    keys = {record.name: key(record.name) for record in records}
    menu.change(None, menu, None, js=f"(name) => window.easel.scripts({form.prefix!r}, {keys!r}[name] || '')", show_progress="hidden")


def key(name: str) -> str:
    """Of element ids: "X/Y/Z plot" -> "xyz_plot"."""
    return re.sub(r"\W+", "_", name.replace("/", "").replace("'", "").lower())


def rows(app: App, record: ScriptRecord, arguments: Form[Any], tab: Tab, talk: Talk) -> None:
    """Argument under argument, as declared."""
    for declared in walk(record.arguments):
        if declared.name in FILLED_IN:
            continue
        choices = app.upscaler_names() if declared.name in record.upscalers else None
        arguments.put(declared.name, **({"choices": choices} if choices else {}))


LAYOUTS: dict[str, Callable[[App, ScriptRecord, Form[Any], Tab, Talk], None]] = {"X/Y/Z plot": plot.build}
"""Of scripts whose arguments want more than a row each."""
