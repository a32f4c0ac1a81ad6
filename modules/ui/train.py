"""The tab Train: pictures and their words, a few controls, and a training that is watched while it runs. A training is a job of the queue; what it leaves is a folder.

Here is the form. Pictures and captions, the curve, samples and the list of runs are drawn by `assets/train_*.js`, with what `ui/trainings.py` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.params import with_values
from modules.core.training import TrainingRequest
from modules.ui import layout
from modules.ui.form import Form

PREFIX = "train"
IDS: dict[str, str] = {
    "data.side": "side",
    "adapter.rank": "rank",
    "learning.rate": "learn_rate",
    "inversion.vectors": "vectors",
    "inversion.start": "initialization_text",
}
"""Element ids that are not the parameter's name, without the prefix."""
HIDDEN: dict[str, str] = {
    "data.folder": "the set of pictures that the tab shows names it",
    "prior.folder": "a page names no folder; prompts of other things do the same",
    "model": "stands in the page's header",
    "model_hash": "filled in when the training begins",
    "resume": "the list of runs has a button for it",
    "keep": "likewise",
}
KINDS = [("LoRA", "lora"), ("Embedding", "inversion"), ("Whole model", "unet"), ("Autoencoder", "autoencoder")]
MAIN: tuple[tuple[str, ...], ...] = (("name", "trigger"), ("steps", "learning.rate"), ("adapter.rank", "inversion.vectors", "data.side"), ("inversion.start",))
MORE: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (
        "How pictures are seen",
        (("data.buckets", "data.flip"), ("data.crop", "data.variants"), ("data.held_out",)),
    ),
    (
        "What is learnt",
        (
            ("adapter.alpha", "adapter.layers"),
            ("adapter.text_encoder",),
            ("loss.min_snr", "loss.noise_offset"),
            ("loss.dropout",),
            ("loss.perceptual", "loss.beta"),
            ("prior.prompts",),
            ("prior.share", "prior.weight"),
        ),
    ),
    (
        "How it is learnt",
        (
            ("batch", "accumulation"),
            ("learning.text_rate", "learning.curve"),
            ("learning.warmup", "learning.optimizer"),
            ("learning.decay", "learning.clip"),
            ("learning.ema", "seed"),
            ("precision", "mixed"),
            ("checkpointing",),
        ),
    ),
    (
        "What is looked at on the way",
        (("watching.prompts",), ("watching.sample_every", "watching.measure_every"), ("watching.steps", "watching.seed"), ("watching.save_every",)),
    ),
)
"""Headings, and rows of what is seldom touched."""
ACCORDIONS: layout.Accordions = (("More", "more", tuple(names for _, rows in MORE for names in rows)),)

PICTURES = """
<section id="train_set" aria-label="Pictures to learn from">
  <div class="bar">
    <label><span>Pictures</span> <select id="train_sets" translate="no" aria-label="Set of pictures"></select></label>
    <span class="count easel-hint" role="status"></span>
    <button type="button" id="train_folder_open" class="tool wide" hidden aria-expanded="false" title="Take the pictures of a folder on this machine, with their captions">📂 From a folder</button>
  </div>
  <div class="folder" hidden>
    <label for="train_folder">Folder on this machine</label>
    <input type="text" id="train_folder" maxlength="1000" autocomplete="off" spellcheck="false" placeholder="for example /home/ann/pictures/my-thing">
    <button type="button" id="train_folder_take" class="tool wide">Take them over</button>
    <p class="easel-hint">The files there stay as they are. Captions in metadata.csv, metadata.jsonl or .txt files come along.</p>
  </div>
  <button type="button" class="drop"><b>Drop pictures here</b><span>or click to choose several. Five are enough for a thing. Text files of the same names become captions.</span></button>
  <ul aria-label="Pictures and their captions"></ul>
</section>
"""
LOOK = """
<div class="easel-train-look">
  <button type="button" id="train_look" class="tool wide" title="What is wrong with the pictures, and what the model will see of them. Nothing is trained.">🔍 Look first</button>
  <span class="said easel-hint" role="status"></span>
  <div class="found" hidden></div>
</div>
"""
RUN = """
<section id="train_run" aria-label="The training">
  <p class="empty easel-hint">Nothing is being trained. Give pictures, say in a few words what each shows, and press Train: the curve, and what the model draws meanwhile, appear here.</p>
  <header hidden><h3 translate="no"></h3><span class="state easel-hint" role="status"></span></header>
  <div id="train_gallery">
    <div class="easel-progress" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"><div class="bar"></div></div>
    <div class="easel-progress-text"><span class="doing"></span><span class="left"></span><button type="button" class="waiting" hidden></button></div>
  </div>
  <div class="acts" hidden></div>
  <p class="trouble easel-trouble" role="alert" hidden></p>
  <figure class="curve" hidden></figure>
  <div class="samples" hidden></div>
  <dl class="facts" hidden></dl>
</section>
<section id="train_runs" aria-label="Runs">
  <h3>Runs</h3>
  <p class="none easel-hint">There are no runs yet.</p>
  <ul></ul>
</section>
"""


@dataclass(frozen=True)
class Tab:
    form: Form[TrainingRequest]
    accordions: layout.Accordions = ACCORDIONS
    prefix: str = PREFIX


def build(app: App, model: gr.components.Component) -> Tab:
    """Makes the tab in the current place of the page. model: the checkpoint's menu in the header."""
    form = Form(TrainingRequest(), PREFIX, IDS)
    form.share("model", model)
    with gr.Row(elem_id=f"{PREFIX}_columns", elem_classes="easel-columns", equal_height=False):
        with gr.Column(elem_id=f"{PREFIX}_settings", elem_classes="easel-settings", min_width=320):
            form.put("what", choices=KINDS, radio=True, show_label=False, info=None)
            layout.row(form, *MAIN[0])
            gr.HTML(PICTURES, elem_id=f"{PREFIX}_pictures", apply_default_css=False)
            for names in MAIN[1:]:
                layout.row(form, *names)
            title, elem_id, _ = ACCORDIONS[0]
            with gr.Accordion(title, open=False, elem_id=f"{PREFIX}_{elem_id}", elem_classes="easel-accordion"):
                for heading, rows in MORE:
                    gr.HTML(f"<h4>{heading}</h4>", elem_classes="easel-heading", apply_default_css=False)
                    for names in rows:
                        layout.row(form, *names)
            gr.HTML(LOOK, elem_id=f"{PREFIX}_looking", apply_default_css=False)
            with gr.Row(elem_id=f"{PREFIX}_generate_box", elem_classes="easel-generate-box"):
                gr.Button("Train", elem_id=f"{PREFIX}_generate", elem_classes="easel-generate", variant="primary", min_width=0)
        with gr.Column(elem_id=f"{PREFIX}_results", elem_classes="easel-results", min_width=320):
            gr.HTML(RUN, elem_id=f"{PREFIX}_watch", apply_default_css=False)
    return Tab(form)


def wanted(form: Form[TrainingRequest], values: Mapping[str, Any], folder: Path) -> TrainingRequest:
    """The checked request that the browser describes. values: what the widgets hold, by the parameter's name; folder: of the set that it names, found by the
    server. Raises InvalidRequest."""
    names = {widget: name for name, widget in form.widgets.items()}
    held = {widget: values.get(names[widget], getattr(widget, "value", None)) for widget in form.inputs}
    request = with_values(form.collect(held), {"data.folder": str(folder)})
    if request.what == "inversion" and request.trigger == request.name:
        return with_values(request, {"trigger": ""})
    if request.what != "lora" and request.trigger and request.what in ("inversion", "autoencoder"):
        return with_values(request, {"trigger": ""})  # a box that is not shown for these kinds
    return request


def checked_values(given: Any) -> Mapping[str, Any]:
    """Raises InvalidRequest."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InvalidRequest("The form cannot be read.", "Reload the page.", "values")
    return given
