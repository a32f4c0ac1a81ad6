"""Sending a picture, with its parameters, from under a result or from PNG Info to where it is worked on further.

A target is one row of TARGETS and, in `assets/sends.js`, one function. The picture's bytes stay the saved file: the server takes them into the blob store by the
job's id, or the browser brings the file that was dropped; a target gets their reference. What of the parameters goes along is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.params import walk, with_values
from modules.core.request import GenerationRequest
from modules.core.settings import Settings
from modules.ui.form import Form
from modules.ui.reading import KEPT, Reader
from modules.ui.talk import Answer, Said, Talk, in_order

APART = ("init.image", "mask.image", "script.", "outpaint.")
"""Parameters of the picture before, not of the one that is sent; beside init and mask, which go along only from a picture that had them."""


@dataclass(frozen=True)
class Target:
    """panel: prefix of the form that takes the parameters, "" for none. sizes: whether width and height are set with them."""

    id: str
    glyph: str
    label: str
    panel: str = ""
    sizes: bool = True


TARGETS: tuple[Target, ...] = (
    Target("txt2img", "✏️", "txt2img", "txt2img"),
    Target("img2img", "🖼️", "img2img", "img2img"),
    Target("inpaint", "🎨", "inpaint", "img2img", sizes=False),
    Target("extras", "📐", "Extras"),
)
BY_ID = {target.id: target for target in TARGETS}


def buttons(prefix: str) -> str:
    """Under a result: glyphs, as A1111 has them. What only makes pictures sends none to itself."""
    return "".join(_button(target, f"{prefix}_send_to_{target.id}", "tool", target.glyph) for target in TARGETS if not target.id == prefix == "txt2img")


def row() -> str:
    """In PNG Info, beside the button that fills txt2img without a picture."""
    shown = "".join(_button(target, f"{target.id}_tab", "tool wide", f"{target.glyph} Send to {target.label}") for target in TARGETS if target.id != "txt2img")
    return f'<div class="easel-sends" role="group" aria-label="Send to" inert>{shown}</div>'


def _button(target: Target, id: str, classes: str, shown: str) -> str:
    taken = "the picture" if not target.panel else "the parameters" if target.id == "txt2img" else "the picture and its parameters"
    said = f"Send {taken} to {target.label}"
    return f'<button type="button" id="{id}" class="{classes} easel-send" data-target="{target.id}" title="{said}" aria-label="{said}">{shown}</button>'


def receive(app: App, form: Form[GenerationRequest], reader: Reader, talk: Talk) -> None:
    """Makes the hidden button by which the browser hands over what was sent to a form, in the current place of the page, and wires it."""
    box = gr.Textbox("", visible="hidden", show_label=False, container=False)
    button = gr.Button("Receive", elem_id=f"{form.prefix}_receive", visible="hidden")
    model = form.widgets["model"]

    def on_sent(values: Mapping[Component, Any], user: str) -> Answer:
        wish = json.loads(str(values[box]) or "{}")
        target = BY_ID.get(wish.get("target", ""))
        if target is None:
            return Answer()
        reading = app.intake.picture(app.blobs.get(str(wish.get("reference"))))
        request, names = taken(reading.request, target, app.settings.value, (wish.get("width", 0), wish.get("height", 0)))
        if not reading.source:
            names = [name for name in names if name in ("width", "height") and target.panel == "img2img"]
        note = reader.model_note(reading, str(values[model] or "")) if reading.source else ""
        said = Said(note, "Parameters sent" if note else "", panel=form.prefix, offer=reader.offer(request))
        return Answer(form.fill(request, [name for name in names if name in form.widgets]), said)

    read = {box, model}
    place = in_order(read).index(box)
    talk.on(button.click, on_sent, read, form.inputs, js=f"(...values) => values.toSpliced({place}, 1, JSON.stringify(window.easel.sending))")


def taken(request: GenerationRequest, target: Target, settings: Settings, size: tuple[int, int]) -> tuple[GenerationRequest, list[str]]:
    """What a form shows of a picture that is sent to it, and the names of the parameters that it takes over. size: of the picture, in pixels."""
    apart = [*APART, *KEPT]
    if not request.init.image:
        apart.append("init.")
    if not request.mask.image:
        apart.append("mask.")
    if not settings.send_seed:
        apart += ["seed", "variation.seed"]
    sized = target.sizes and settings.send_size
    if not sized:
        apart += ["width", "height"]
    elif target.panel == "img2img" and min(size) > 0:
        request = with_values(request, {"width": _fitting(size[0]), "height": _fitting(size[1])})
    names = [field.name for field in walk(GenerationRequest)]
    return request, [name for name in names if not any(name == one or one.endswith(".") and name.startswith(one) for one in apart)]


def _fitting(length: int) -> int:
    return min(max(int(length) // 8 * 8, 64), 16384)
