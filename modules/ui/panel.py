"""A panel: one form with its prompts and buttons on top, its settings on the left and its pictures on the right, as A1111 has them.

txt2img and img2img are two of them, and Extras shares what is not about prompts; each has A1111's element ids with its own prefix. Knows no tab: what stands among the settings, and what Generate does, is told by the
tab's own file. Everything that can happen without the server (counters, seeds, swap, progress, pictures) happens in `assets/panel.js`, `gallery.js` and `live.js`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.errors import EaselError
from modules.core.params import walk
from modules.core.request import GenerationRequest
from modules.ui import fields, layout, loras, sends, styles, words
from modules.ui.form import Form
from modules.ui.reading import Reader
from modules.ui.talk import Answer, Talk, explained, uploaded

Submit = Callable[[GenerationRequest, str], str]
"""(request, the user's login or "") -> the id of the job that it became."""

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
<div id="image_buttons_{prefix}" class="easel-buttons off">
  <button type="button" id="{prefix}_open_folder" class="tool" title="Open the folder of this picture" aria-label="Open the folder of this picture" hidden>📂</button>
  <button type="button" id="save_{prefix}" class="tool wide" title="Copy this picture into log/images and note it in log.csv">💾 Save</button>
  <button type="button" id="save_zip_{prefix}" class="tool" title="Copy all pictures of this job into log/images, and download them as one zip" aria-label="Save all, and a zip">🗃️</button>
  <a id="download_{prefix}" class="tool" title="Download this picture, with its parameters in it" aria-label="Download">⬇️</a>
  {sends}
  <button type="button" id="{prefix}_send_pnginfo" class="tool wide" title="Look at the parameters in this picture's file">ℹ️ <span class="word">PNG Info</span></button>
  {more}
</div>
<div id="html_info_{prefix}" class="easel-info" aria-label="Parameters of the shown picture"></div>
<div id="html_log_{prefix}" class="easel-log"></div>
"""

COUNTER = """<span class="counter" title="Tokens used of those that fit">0/75</span>
<button type="button" class="weights" title="Look at the tokens and what their weights do" aria-label="Tokens and weights">⚖️</button>"""


class Formed(Protocol):
    """What the browser keeps over a reload and marks: a panel, or a tab with a form of its own."""

    @property
    def form(self) -> Form[Any]: ...
    @property
    def prefix(self) -> str: ...
    @property
    def accordions(self) -> layout.Accordions: ...


@dataclass(frozen=True)
class Panel:
    """form: its widgets. reader: what reads pictures into it. generate: its button, for the tab's own file to wire. accordions: those of `layout` that stand in it.
    styles: the buttons of its styles, wired once all panels are there."""

    form: Form[GenerationRequest]
    reader: Reader
    generate: gr.Button
    accordions: layout.Accordions
    styles: styles.Row

    @property
    def prefix(self) -> str:
        return self.form.prefix


def build(
    app: App, form: Form[GenerationRequest], talk: Talk, settings: Callable[[], None], accordions: layout.Accordions, example: str = "", more: str = ""
) -> Panel:
    """Makes a panel in the current place of the page. settings: fills its left column. example: a prompt that the empty panel offers.
    more: HTML of further buttons under the gallery."""
    prefix = form.prefix
    generate, paste, row = _top(app, form, example)
    with gr.Row(elem_id=f"{prefix}_columns", elem_classes="easel-columns", equal_height=False):
        with gr.Column(elem_id=f"{prefix}_settings", elem_classes="easel-settings", min_width=320):
            settings()
            form.overrides(
                label="Override settings",
                info="From a picture that was read. They count instead of what is chosen above and in the header; remove one to let that count again.",
                elem_id=f"{prefix}_override_settings",
                elem_classes="easel-overrides",
            )
        with gr.Column(elem_id=f"{prefix}_results", elem_classes="easel-results", min_width=320):
            gr.HTML(gallery(prefix, example), elem_id=f"{prefix}_gallery", elem_classes="easel-gallery", apply_default_css=False)
            gr.HTML(
                BELOW.format(prefix=prefix, sends=sends.buttons(prefix), more=more),
                elem_id=f"{prefix}_below",
                elem_classes="easel-below",
                apply_default_css=False,
            )
    drop = gr.File(elem_id=f"{prefix}_drop", visible="hidden", show_label=False, type="filepath")
    words.wire(form, app, talk)
    loras.wire(form, talk)
    reader = Reader(app, form)

    def on_drop(values: Mapping[Component, Any], user: str) -> Answer:
        try:
            answer = reader.on_drop(uploaded(values[drop]), values)
        except EaselError as error:
            answer = Answer(said=explained(error))
        return Answer({**answer.updates, drop: None}, answer.said)  # emptied also after a bad file: a full box takes no other

    sends.receive(app, form, reader, talk)
    talk.on(paste.click, reader.on_arrow, form.inputs, form.inputs)
    talk.on(drop.upload, on_drop, {drop, form.widgets["model"]}, [drop, *form.inputs])
    return Panel(form, reader, generate, accordions, row)


def gallery(prefix: str, example: str) -> str:
    offer = ""
    if example:
        told = html.escape(example, quote=True)
        offer = f'<p>Try “{told}”.</p><button type="button" id="{prefix}_use_example" class="tool wide" data-prompt="{told}">Use this prompt</button>'
    return GALLERY.format(example=offer)


def _top(app: App, form: Form[GenerationRequest], example: str) -> tuple[gr.Button, gr.Button, styles.Row]:
    """Prompts, Generate, the tool row and the styles. -> Generate, ↙️ and the styles' buttons"""
    prefix = form.prefix
    with gr.Row(elem_id=f"{prefix}_toprow", elem_classes="easel-top"):
        with gr.Column(elem_id=f"{prefix}_prompt_container", scale=6, min_width=280):
            _prompt(form, "prompt", "prompt_row", "token_counter", layout.prompt_hint(example))
            _prompt(form, "negative_prompt", "neg_prompt_row", "negative_token_counter", f"Negative prompt: what should not be in the picture\n{layout.KEYS}")
        with gr.Column(elem_id=f"{prefix}_actions_column", elem_classes="easel-actions", scale=1, min_width=252):
            with gr.Row(elem_id=f"{prefix}_generate_box", elem_classes="easel-generate-box"):
                gr.Button("Interrupt", elem_id=f"{prefix}_interrupt", elem_classes=["easel-interrupt", "stop"], min_width=0)
                gr.Button("Skip", elem_id=f"{prefix}_skip", elem_classes=["easel-interrupt", "skip"], min_width=0)
                generate = gr.Button("Generate", elem_id=f"{prefix}_generate", elem_classes="easel-generate", variant="primary", min_width=0)
            with gr.Row(elem_id=f"{prefix}_tools", elem_classes="easel-tools"):
                paste = layout.tool(prefix, "paste")
                layout.tool(prefix, "clear_prompt")
                words.place(form, app)
                apply = styles.tools(prefix)
            row = styles.place(form, app, apply)
    return generate, paste, row


def _prompt(form: Form[GenerationRequest], name: str, row: str, counter: str, hint: str) -> None:
    with gr.Column(elem_id=f"{form.prefix}_{row}", elem_classes="easel-prompt", min_width=0):
        form.put(name, placeholder=hint, show_label=False, lines=3, max_lines=12, container=False)
        gr.HTML(COUNTER, elem_id=f"{form.prefix}_{counter}", elem_classes="easel-counter")


def keep(panel: Formed) -> None:
    """Makes a hidden button by which the browser gets the values of all boxes but the prompts (those it notes by itself): it notes them, so that a reload
    loses nothing, and marks accordions in which something is set (assets/panel.js). Sends nothing. One button for all, not an event of each box: Gradio walks
    through all events for each component of the page."""
    parts = {name: part for name, part in panel.form.parts().items() if name not in ("prompt", "negative_prompt")}
    button = gr.Button("", elem_id=f"{panel.prefix}_gather", visible="hidden")
    told = f"(...values) => window.easel.panels.{panel.prefix}.gathered({json.dumps([*parts])}, values)"
    button.click(None, [*parts.values()], None, js=told, show_progress="hidden")


def usual(panel: Formed) -> dict[str, dict[str, Any]]:
    """Element id of each accordion -> name of each parameter in it -> what its widget holds while nobody has touched it."""
    kind: type = type(panel.form.start)
    declared = {field.name: field for field in walk(kind)}
    return {
        f"{panel.prefix}_{elem_id}": {name: fields.shown(declared[name], declared[name].default)["value"] for names in rows for name in names}
        for _, elem_id, rows in panel.accordions
    }


def restored(panel: Formed, text: str) -> dict[Component, Any]:
    """Updates for what the browser had noted of all panels before a reload: JSON, by prefix."""
    try:
        noted = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    own = noted.get(panel.prefix) if isinstance(noted, dict) else None
    return panel.form.refill(own) if isinstance(own, dict) else {}
