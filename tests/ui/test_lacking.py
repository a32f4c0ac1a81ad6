"""Widgets of what the chosen checkpoint's family lacks."""

from __future__ import annotations

import gradio as gr

from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest
from modules.ui import layout
from modules.ui.form import Form
from modules.ui.lacking import dead


def test_widgets_of_what_a_family_lacks_are_named_with_the_reason() -> None:
    with gr.Blocks():
        form = Form(GenerationRequest(), "txt2img", layout.IDS)
        for name in ("prompt", "negative_prompt", "cfg_scale", "guidance.distilled", "seed"):
            form.put(name)
    flux, sd1 = (FAMILIES.get(name) for name in ("flux", "sd1"))
    assert dead(flux, [form]) == {str(form.widgets[name].elem_id): flux.lacks[name] for name in ("negative_prompt", "cfg_scale")}
    assert dead(sd1, [form]) == {str(form.widgets["guidance.distilled"].elem_id): sd1.lacks["guidance.distilled"]}


def test_widgets_of_what_does_nothing_are_named_too() -> None:
    with gr.Blocks():
        form = Form(GenerationRequest(), "txt2img", layout.IDS)
        for name in ("text.clip_skip", "framing.top"):
            form.put(name)
    skip, crop = (str(form.widgets[name].elem_id) for name in ("text.clip_skip", "framing.top"))
    sd1, sdxl = (FAMILIES.get(name) for name in ("sd1", "sdxl"))
    assert dead(sd1, [form]) == {crop: sd1.idle["framing.top"]} and dead(sdxl, [form]) == {skip: sdxl.idle["text.clip_skip"]}
