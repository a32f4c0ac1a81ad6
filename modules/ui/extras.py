"""The tab Extras: finished pictures made larger, one, several, or those of a folder. Each press of Generate is one job, however many pictures it has.

The browser brings the pictures (`assets/extras.js`, `ui/inputs.py`) and names them here by reference; a folder is read by the server, for a browser on the same machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.extras import MOST, ExtrasRequest
from modules.core.params import with_values
from modules.ui import batch, finished, layout, menu, panel, sends
from modules.ui.form import Form
from modules.ui.talk import Answer, Said, Talk, in_order

PREFIX = "extras"
IDS: dict[str, str] = {
    "upscaler": "upscaler_1",
    "second": "upscaler_2",
    "second_visibility": "upscaler_2_visibility",
    "resize": "resize_mode",
    "scale": "upscaling_resize",
    "width": "upscaling_resize_w",
    "height": "upscaling_resize_h",
    "crop": "upscaling_crop",
    "faces.gfpgan": "gfpgan_visibility",
    "faces.codeformer": "codeformer_visibility",
    "faces.codeformer_weight": "codeformer_weight",
}
"""A1111's element ids, without the prefix."""
HIDDEN: dict[str, str] = {
    "images": "brought by the browser",
    "names": "of the files that the browser brings",
    "enlarging.networks": "filled in when the request is resolved; the menus name the upscalers",
    "faces.networks": "filled in when the request is resolved",
}
ACCORDIONS: layout.Accordions = (
    ("Faces", "faces", (("faces.gfpgan",), ("faces.codeformer", "faces.codeformer_weight"))),
    ("Computing", "computing", (("enlarging.tile", "enlarging.overlap"), ("precision",), ("enlarging.full",))),
)

SOURCES = {"single": "Single Image", "batch": "Batch Process", "folder": "Batch from Directory"}
"""Where pictures come from: A1111's three tabs within the tab."""
SOURCE = """
<div class="easel-choice" role="group" aria-label="Where the pictures come from">{buttons}</div>
<div class="easel-single"></div>
<div class="easel-several">{several}</div>
"""


@dataclass(frozen=True)
class Tab:
    form: Form[ExtrasRequest]
    accordions: layout.Accordions = ACCORDIONS
    prefix: str = PREFIX


def build(app: App, submit: Callable[[ExtrasRequest, str], str], talk: Talk) -> Tab:
    """Makes the tab in the current place of the page. submit(request, user) puts a request into the queue and gives the job's id."""
    form = Form(ExtrasRequest(upscaler="Lanczos"), PREFIX, IDS, menu.looks(app))
    with gr.Row(elem_id=f"{PREFIX}_columns", elem_classes="easel-columns", equal_height=False):
        with gr.Column(elem_id=f"{PREFIX}_source", min_width=320):
            buttons = "".join(f'<button type="button" id="{PREFIX}_mode_{id}" data-source="{id}">{label}</button>' for id, label in SOURCES.items())
            gr.HTML(SOURCE.format(buttons=buttons, several=batch.PLACE), elem_id=f"{PREFIX}_image", apply_default_css=False)
            hint = "A folder on the machine that Easel runs on, from a browser on that machine. Nothing is written there."
            form.add("folder", gr.Textbox("", label="Input directory", info=hint, elem_id=f"{PREFIX}_batch_input_dir", max_lines=1))
            with gr.Row(elem_id=f"{PREFIX}_generate_box", elem_classes="easel-generate-box"):
                gr.Button("Interrupt", elem_id=f"{PREFIX}_interrupt", elem_classes=["easel-interrupt", "stop"], min_width=0)
                gr.Button("Skip", elem_id=f"{PREFIX}_skip", elem_classes=["easel-interrupt", "skip"], min_width=0)
                generate = gr.Button("Generate", elem_id=f"{PREFIX}_generate", elem_classes="easel-generate", variant="primary", min_width=0)
        with gr.Column(elem_id=f"{PREFIX}_results", elem_classes="easel-results", min_width=320):
            gr.HTML(panel.gallery(PREFIX, ""), elem_id=f"{PREFIX}_gallery", elem_classes="easel-gallery", apply_default_css=False)
            below = panel.BELOW.format(prefix=PREFIX, sends=sends.buttons(PREFIX), more=finished.buttons(PREFIX))
            gr.HTML(below, elem_id=f"{PREFIX}_below", elem_classes="easel-below", apply_default_css=False)
        with gr.Column(elem_id=f"{PREFIX}_settings", elem_classes="easel-settings", min_width=320):
            _settings(form)
    items = gr.Textbox("", elem_id=f"{PREFIX}_items", visible="hidden", show_label=False, container=False)

    def on_generate(values: Mapping[Component, Any], user: str) -> Answer:
        if not values[items]:  # the browser could not bring the pictures, and has said so
            return Answer()
        dead = {f"faces.{name}": 0.0 for name, files in app.missing_faces().items() if files}  # a browser may remember a value from when the file was here
        return Answer(said=Said(job=submit(wanted(with_values(form.collect(values), dead), values[items]), user), panel=PREFIX))

    read = {items, *form.inputs}
    fill = f"async (...values) => await window.easel.extras.prepare(values, {in_order(read).index(items)})"
    talk.on(generate.click, on_generate, read, explain=form.explain, js=fill)
    return Tab(form)


def _settings(form: Form[ExtrasRequest]) -> None:
    with gr.Column(elem_id=f"{PREFIX}_scaling", elem_classes="easel-block", min_width=0):
        form.put("resize", radio=True, show_label=False, info=None)
        form.put("scale")
        with gr.Row(elem_id=f"{PREFIX}_scale_to", elem_classes="easel-row"):
            form.put("width", min_width=140)
            form.put("height", min_width=140)
            form.put("crop", min_width=140)
        form.put("upscaler")
        with gr.Row(elem_classes="easel-row"):
            form.put("second", min_width=160)
            form.put("second_visibility", min_width=160)
    for title, elem_id, rows in ACCORDIONS:
        with gr.Accordion(title, open=False, elem_id=f"{PREFIX}_{elem_id}", elem_classes="easel-accordion"):
            for names in rows:
                layout.row(form, *names)


def wanted(request: ExtrasRequest, items: Any) -> ExtrasRequest:
    """The request with the pictures that the browser named: JSON, [{name, image}]. Raises InvalidRequest."""
    try:
        found = [(str(one["name"]), str(one["image"])) for one in json.loads(items)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InvalidRequest("The list of pictures cannot be read.", "Reload the page and choose them again.", "images") from None
    if not found:
        raise InvalidRequest("There is no picture to enlarge.", "Drop one, choose a file, or send one here from another tab.", "images")
    if len(found) > MOST:
        raise InvalidRequest(f"{len(found)} pictures are more than one job takes.", f"Give at most {MOST} at a time.", "images")
    names = [PurePath(name).stem for name, _ in found]
    return with_values(request, {"images": [image for _, image in found], "names": names if any(names) else []})
