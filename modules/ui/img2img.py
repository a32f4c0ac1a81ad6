"""The form for work on pictures, shown by two tabs: img2img (img2img, Sketch, Batch) and Inpaint / Outpaint. Each control exists once; the mode decides what is shown and acts.

The canvases live in the browser (`assets/canvas.js`, `modes.js`). When Generate is pressed they bring their pictures to the server (`ui/inputs.py`) and hand references over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.ui import batch, control, depth, finished, inputs, layout, modes, outpaint, panel, scripts
from modules.ui.form import Form
from modules.ui.modes import MODES, Mode
from modules.ui.talk import Answer, Said, Talk, in_order

RESIZE_TO, RESIZE_BY = "Resize to", "Resize by"

FURTHER: layout.Accordions = (
    (
        "Soft inpainting",
        "soft",
        (
            ("mask.soft.enabled",),
            ("mask.soft.bias", "mask.soft.preservation"),
            ("mask.soft.contrast", "mask.soft.influence"),
            ("mask.soft.threshold", "mask.soft.difference_contrast"),
        ),
    ),
    ("Mask, further", "mask_further", (("mask.blur_y",), ("mask.overlay", "mask.round"))),
    (
        "Start picture",
        "init",
        (
            ("init.noise_multiplier", "init.extra_noise"),
            ("init.upscaler", "init.background"),
            ("init.mask_weight", "init.image_cfg"),
            ("init.color_correction", "init.fix_steps"),
        ),
    ),
)
GROUP_OF = {"soft": "mask", "mask_further": "mask"}
"""Element id of an accordion -> the group that it belongs to."""
ACCORDIONS: layout.Accordions = FURTHER + layout.standing("img2img")

STUDIO = """
<div class="easel-modes" role="group" aria-label="Mode">{buttons}</div>
<div class="easel-canvases">{canvases}</div>
<div class="easel-copy" role="group" aria-label="Copy image to"><span>Copy image to</span>{copies}</div>
"""


def studio() -> str:
    """The mode rows of both tabs, a place for each mode's canvas, and the row of copies."""
    shown = [*MODES]
    buttons = "".join(
        f'<button type="button" id="img2img_mode_{mode.id}" data-mode="{mode.id}" class="of-{mode.tab}" aria-pressed="false">{mode.label}</button>'
        for mode in shown
    )
    canvases = "".join(f'<div class="easel-mode" data-mode="{mode.id}" id="img2img_canvas_{mode.id}"></div>' for mode in MODES if mode.id != "batch")
    copies = "".join(
        f'<button type="button" id="img2img_copy_to_{id}" data-mode="{id}" class="tool wide">{modes.BY_ID[id].label}</button>' for id in modes.COPIED
    )
    return STUDIO.format(buttons=buttons, canvases=canvases, copies=copies)


def build(app: App, form: Form[GenerationRequest], submit: panel.Submit, talk: Talk) -> panel.Panel:
    """Makes the panel in the current place of the page, below the tabs that show it."""
    slot = gr.Textbox("", elem_id="img2img_mode", visible="hidden", show_label=False, container=False)
    slots: dict[str, Component] = {"mode": slot}

    seldom = layout.remaining(form, ACCORDIONS)

    def settings() -> None:
        gr.HTML(studio(), elem_id="img2img_studio", apply_default_css=False)
        for name in ("init.image", "mask.image"):
            form.put(name, visible="hidden", container=False)
        depth.build(form)
        slots["batch"] = batch.build(form)
        _mask(form)
        outpaint.build(form)
        _resize(form)
        layout.sampling(form)
        layout.checkboxes(form)
        with gr.Row(elem_classes="easel-row"):
            form.put("cfg_scale", min_width=160)
            form.put("init.strength", min_width=160)
        layout.seeds(form)
        control.build(form)
        layout.accordions(form, seldom, GROUP_OF)
        scripts.build(app, form, "img2img", talk)
        _grouped(form)

    def on_generate(values: Mapping[Component, Any], user: str) -> Answer:
        mode = modes.BY_ID.get(str(values[slot]))
        if mode is None:  # the browser could not bring the pictures over, and has said so
            return Answer()
        if mode.id == "batch":
            items = batch.read(values[slots["batch"]])
            ids, told = batch.submitted(
                app,
                items,
                lambda item: wanted(app, form, {**values, form.widgets["init.image"]: item.image, form.widgets["mask.image"]: item.mask}, mode),
                batch.info_of(values, form),
                lambda request: submit(request, user),
            )
            return Answer(said=Said(told, "Batch", jobs=tuple(ids), panel=form.prefix))
        request = wanted(app, form, values, mode)
        return Answer(said=Said(job=submit(request, user), panel=form.prefix))

    made = panel.build(app, form, talk, settings, control.ACCORDION + seldom, more=finished.buttons(form.prefix))
    read = {*slots.values(), *form.inputs}
    talk.on(made.generate.click, on_generate, read, explain=form.explain, js=prepared(read, {**slots, **form.widgets}))
    pictures = [form.widgets["init.image"], form.widgets["mask.image"]]
    gr.on(
        [one.change for one in pictures], None, pictures, pictures, js="(picture, mask) => window.easel.studio.arrived(picture, mask)", show_progress="hidden"
    )
    blur, down = form.widgets["mask.blur_x"], form.widgets["mask.blur_y"]
    blur.input(None, blur, down, js="(blur) => blur", show_progress="hidden")  # one slider for both, until the vertical one is set by itself
    return made


def prepared(read: set[Component], named: Mapping[str, Component]) -> str:
    """The script that fills in what only the browser knows before values are sent."""
    order = in_order(read)
    places = ", ".join(f'"{name}": {order.index(named[name])}' for name in ("mode", "batch", "init.image", "mask.image"))
    return f"async (...values) => await window.easel.studio.prepare(values, {{{places}}})"


def wanted(app: App, form: Form[GenerationRequest], values: Mapping[Component, Any], mode: Mode) -> GenerationRequest:
    """The request of a mode. Raises InvalidRequest, NotFound, BadPicture."""
    request = modes.acting(form.collect(values), mode)
    if not request.init.image:
        raise InvalidRequest("There is no picture to work on.", "Drop one on the canvas, choose a file, or send one here from another tab.", "init.image")
    if mode.id in modes.MASKED and not request.mask.image:
        remedy = "Give the mask as a second picture." if mode.id == "inpaint_upload" else "Draw over what is to be drawn anew."
        raise InvalidRequest("Nothing is masked yet.", remedy, "mask.image")
    if values[form.further["resize"]] == RESIZE_BY and mode.id in modes.GROUPS["resize"].modes:
        width, height = inputs.size_of(app.blobs, request.init.image)
        scale = values[form.further["scale"]]
        if not isinstance(scale, int | float) or not 0 < scale <= 16:
            raise InvalidRequest(f"Resize by {scale!r:.40} is not usable.", "Give a number up to 16.", "width")
        request = with_values(request, {"width": scaled(width, scale), "height": scaled(height, scale)})
    return request


def scaled(length: int, scale: float) -> int:
    """A side in pixels, a multiple of 8; `assets/modes.js` shows the same."""
    return max(8, int(length * scale / 8 + 0.5) * 8)


def fresh(request: GenerationRequest) -> GenerationRequest:
    """What a new form for pictures starts with: as suits the model, without what only txt2img has."""
    return replace(request, hires=GenerationRequest().hires)


def _grouped(form: Form[GenerationRequest]) -> None:
    """Every widget whose parameter acts in some modes alone is shown in those alone."""
    for group, acts in modes.GROUPS.items():
        for name, widget in form.widgets.items():
            if acts.prefixes and name.startswith(acts.prefixes):
                widget.elem_classes = [*widget.elem_classes, f"easel-group-{group}"]


def _mask(form: Form[GenerationRequest]) -> None:
    with gr.Column(elem_id="img2img_inpaint_controls", elem_classes=["easel-group-mask", "easel-block"], min_width=0):
        with gr.Row(elem_classes="easel-row"):
            form.put("mask.blur_x", min_width=160)
            form.put("mask.padding", min_width=160)
        with gr.Row(elem_classes="easel-row"):
            form.put("mask.invert", label="Mask mode", choices=[("Inpaint masked", False), ("Inpaint not masked", True)], min_width=160)
            form.put("mask.area", radio=True, min_width=160)
        form.put("mask.content", radio=True)


def _resize(form: Form[GenerationRequest]) -> None:
    with gr.Column(elem_id="img2img_resize", elem_classes=["easel-group-resize", "easel-block"], min_width=0):
        form.put("init.resize_mode", radio=True, label="Resize mode")
        with gr.Row(elem_classes=["easel-row", "easel-resize-row"]):
            form.add("resize", gr.Radio([RESIZE_TO, RESIZE_BY], value=RESIZE_TO, show_label=False, container=False, elem_id="img2img_resize_by", min_width=180))
            gr.HTML('<p class="easel-resized" aria-live="polite"></p>', elem_id="img2img_resized", apply_default_css=False)
        with gr.Column(elem_id="img2img_tab_resize_by", min_width=0):
            form.add("scale", gr.Slider(0.05, 4, 1, step=0.05, label="Scale", elem_id="img2img_scale", elem_classes="easel-further"))
    layout.dimensions(form, "detect_image_size_btn")
