"""The tab txt2img: prompts and buttons on top, settings on the left, pictures on the right, as A1111 has them. Handlers only enqueue, read and fill.

Everything that can happen without the server (counters, seeds, swap, progress, pictures) happens in `assets/`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.request import GenerationRequest
from modules.ui import layout
from modules.ui.form import Form
from modules.ui.reading import Reader
from modules.ui.talk import Answer, Said, Talk, uploaded

GALLERY = """
<div class="easel-show">
  <div class="easel-stage">
    <img class="shown" alt="" tabindex="0" hidden>
    <img class="preview" alt="The picture so far">
    <div class="easel-empty"><p>Your pictures appear here.</p>{example}</div>
    <p class="easel-failure"></p>
  </div>
  <div class="easel-strip" hidden></div>
</div>
<div class="easel-progress" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"><div class="bar"></div></div>
<div class="easel-progress-text"><span class="doing"></span><span class="left"></span><button type="button" class="waiting" hidden></button></div>
"""
"""The strip of small pictures takes its room from the stage, so that nothing below moves when it comes."""

BELOW = """
<div id="image_buttons_txt2img" class="off">
  <button type="button" id="txt2img_open_folder" class="tool" title="Open the folder of this picture" aria-label="Open the folder of this picture" hidden>📂</button>
  <a id="save_txt2img" class="tool wide" title="Save this picture to your computer, with its parameters in it">💾 Save</a>
  <button type="button" id="txt2img_send_pnginfo" class="tool wide" title="Look at the parameters in this picture's file">ℹ️ PNG Info</button>
</div>
<div id="html_info_txt2img" aria-label="Parameters of the shown picture"></div>
<div id="html_log_txt2img"></div>
"""


def gallery(example: str) -> str:
    offer = ""
    if example:
        told = html.escape(example, quote=True)
        offer = f'<p>Try “{told}”.</p><button type="button" id="txt2img_use_example" class="tool wide" data-prompt="{told}">Use this prompt</button>'
    return GALLERY.format(example=offer)


def top(form: Form[GenerationRequest], example: str) -> tuple[gr.Button, gr.Button]:
    """Prompts, Generate and the tool row. -> Generate and ↙️"""
    with gr.Row(elem_id="txt2img_toprow", elem_classes="easel-top"):
        with gr.Column(elem_id="txt2img_prompt_container", scale=6, min_width=280):
            with gr.Column(elem_id="txt2img_prompt_row", elem_classes="easel-prompt", min_width=0):
                form.put("prompt", placeholder=layout.prompt_hint(example), show_label=False, lines=3, max_lines=12, container=False)
                gr.HTML(
                    '<span class="counter" title="Tokens used of those that fit">0/75</span>', elem_id="txt2img_token_counter", elem_classes="easel-counter"
                )
            with gr.Column(elem_id="txt2img_neg_prompt_row", elem_classes="easel-prompt", min_width=0):
                form.put(
                    "negative_prompt",
                    placeholder=f"Negative prompt: what should not be in the picture\n{layout.KEYS}",
                    show_label=False,
                    lines=3,
                    max_lines=12,
                    container=False,
                )
                gr.HTML(
                    '<span class="counter" title="Tokens used of those that fit">0/75</span>',
                    elem_id="txt2img_negative_token_counter",
                    elem_classes="easel-counter",
                )
        with gr.Column(elem_id="txt2img_actions_column", scale=1, min_width=200):
            with gr.Row(elem_id="txt2img_generate_box"):
                gr.Button("Interrupt", elem_id="txt2img_interrupt", elem_classes="easel-interrupt", min_width=0)
                gr.Button("Skip", elem_id="txt2img_skip", elem_classes="easel-interrupt", min_width=0)
                generate = gr.Button("Generate", elem_id="txt2img_generate", variant="primary", min_width=0)
            with gr.Row(elem_id="txt2img_tools"):
                paste = layout.tool("txt2img", "paste")
                layout.tool("txt2img", "clear_prompt")
    return generate, paste


def build(app: App, form: Form[GenerationRequest], submit: Callable[[GenerationRequest, str], str], talk: Talk) -> Reader:
    """Makes the tab in the current place of the page. submit(request, user) puts a request into the queue and gives the job's id.
    -> what reads pictures into the form."""
    example = app.example()
    generate, paste = top(form, example)
    with gr.Row(elem_id="txt2img_columns", equal_height=False):
        with gr.Column(elem_id="txt2img_settings", min_width=320):
            layout.sampling(form)
            layout.checkboxes(form)
            layout.dimensions(form)
            layout.guidance(form)
            layout.seeds(form)
            layout.accordions(form)
        with gr.Column(elem_id="txt2img_results", min_width=320):
            gr.HTML(gallery(example), elem_id="txt2img_gallery", apply_default_css=False)
            gr.HTML(BELOW, elem_id="txt2img_below", apply_default_css=False)
    drop = gr.File(elem_id="txt2img_drop", visible="hidden", show_label=False, type="filepath")
    reader = Reader(app, form)

    def on_generate(values: Mapping[Component, Any], user: str) -> Answer:
        return Answer(said=Said(job=submit(form.collect(values), user)))

    def on_drop(values: Mapping[Component, Any], user: str) -> Answer:
        answer = reader.on_drop(uploaded(values[drop]), values)
        return Answer({**answer.updates, drop: None}, answer.said)

    talk.on(generate.click, on_generate, form.inputs, explain=form.explain)
    talk.on(paste.click, reader.on_arrow, form.inputs, form.inputs)
    talk.on(drop.upload, on_drop, {drop, form.widgets["model"]}, [drop, *form.inputs])
    return reader


def keep(form: Form[GenerationRequest]) -> None:
    """Every change of a box but the prompts' is noted in the browser (those it notes by itself), so that a reload loses nothing. Sends nothing."""
    parts = {name: part for name, part in form.parts().items() if name not in ("prompt", "negative_prompt")}
    gr.on(
        [part.change for part in parts.values()],
        None,
        [*parts.values()],
        None,
        js=f"(...values) => window.easel.keep({json.dumps([*parts])}, values)",
        show_progress="hidden",
    )


def restored(form: Form[GenerationRequest], text: str) -> dict[Component, Any]:
    """Updates for what the browser had noted before a reload."""
    try:
        noted = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return form.refill(noted) if isinstance(noted, dict) else {}
