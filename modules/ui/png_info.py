"""The tab PNG Info: drop a picture, see which tool made it, its text, and what of it this program can do again."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.catalog.card import Card
from modules.core import params
from modules.core.errors import EaselError
from modules.core.request import GenerationRequest
from modules.infotext import files
from modules.infotext.read import Reading, read
from modules.infotext.reading import Row
from modules.stock.groups import BY_ID
from modules.stock.ids import id_of
from modules.stock.needed import Resolved
from modules.ui import sends
from modules.ui.reading import Reader
from modules.ui.talk import Answer, Said, Talk, uploaded

ZONE = """
<div id="pnginfo_zone" role="button" tabindex="0" aria-label="Choose a picture, or drop one here">
  <p><b>Drop a picture here</b><br>or click to choose one, or paste it with Ctrl+V</p>
</div>
"""

NOTHING = '<p class="easel-hint">The parameters of a picture appear here: from Easel, AUTOMATIC1111 and Forge, ComfyUI, InvokeAI, NovelAI, Fooocus, SD.Next and others.</p>'

TEXT_SHOWN = 50_000
"""Characters."""

MODEL_ROW = re.compile("model|checkpoint|hash|resources", re.IGNORECASE)
"""In the key of a row that names the checkpoint, whatever tool wrote it."""

STATES = {"restored": "✓ restored", "approximated": "≈ approximated", "not restored": "✕ not restored"}


def build(reader: Reader, talk: Talk) -> None:
    """Makes the tab in the current place of the page."""
    with gr.Row(elem_id="pnginfo_columns"):
        with gr.Column(elem_id="pnginfo_left", min_width=300):
            gr.HTML(ZONE, elem_id="pnginfo_image", apply_default_css=False)
            file = gr.File(elem_id="pnginfo_file", visible="hidden", show_label=False, type="filepath")
            send = gr.Button("Send to txt2img", elem_id="txt2img_tab", variant="primary", interactive=False)
            gr.HTML(sends.row(), elem_id="pnginfo_sends", apply_default_css=False)
            text = gr.Textbox(label="Text in the file", elem_id="pnginfo_text", lines=6, max_lines=16, interactive=False, buttons=["copy"])
        with gr.Column(elem_id="pnginfo_right", min_width=300):
            shown = gr.HTML(NOTHING, elem_id="pnginfo_html_info", apply_default_css=False)
    found = gr.State(None)

    def on_file(values: Mapping[Component, Any], user: str) -> Answer:
        path = uploaded(values[file])
        if path is None:
            return Answer()
        try:
            inside = files.read(path)
            reading = reader.app.intake.completed(read(inside))
        except EaselError as error:
            message = f'<p class="easel-trouble" role="alert">{html.escape(str(error))}</p>'
            return Answer({file: None, shown: message, text: "", found: None, send: gr.update(interactive=False)})
        answers = reader.app.needed(path)
        note = reader.model_note(reading, str(values[reader.form.widgets["model"]] or ""))
        request = params.to_dict(reading.request) if reading.source else None
        return Answer(
            {
                file: None,
                shown: table(reading, note, answers) + needed_list(answers),
                text: texts(inside),
                found: request,
                send: gr.update(interactive=request is not None),
            }
        )

    def on_send(values: Mapping[Component, Any], user: str) -> Answer:
        if values[found] is None:
            return Answer()
        request, model = params.from_dict(GenerationRequest, values[found]), str(values[reader.form.widgets["model"]] or "")
        said = Said(open="tab_txt2img", panel=reader.form.prefix, offer=reader.offer(request))
        return Answer({**reader.updates(request), **reader.model_updates(request, model)}, said)

    talk.on(file.upload, on_file, {file, reader.form.widgets["model"]}, [file, shown, text, found, send])
    talk.on(send.click, on_send, {found, reader.form.widgets["model"]}, reader.form.inputs)


def texts(found: files.Found) -> str:
    """What stands in the file: A1111's text, or else every chunk by its name."""
    whole = found.parameters or "\n\n".join(f"{name}: {text}" for name, text in found.chunks.items())
    return whole if len(whole) <= TEXT_SHOWN else whole[:TEXT_SHOWN] + "\n…"


FILES = {"VAE": "vae", "VAE hash": "vae", "Refiner": "checkpoint", "Lora hashes": "lora", "TI hashes": "embedding"}
"""Keys of a picture's text that name files, and of which group these are."""


def found_or_not(row: Row, answers: Sequence[Resolved]) -> Row:
    """What was read of a picture is not restored while the file that it names is not here."""
    value = str(row.value)
    mine = [one for one in answers if one.need.kind == FILES.get(row.key) and any(said and said in value for said in (one.need.name, one.need.hash))]
    lost = [one for one in mine if one.state in ("another", "missing")]
    if not lost or row.state == "not restored":
        return row
    whole = len(lost) == len(mine)
    note = "Not here: see below." if whole else "Not all of them are here: see below."
    return dataclasses.replace(row, state="not restored" if whole else "approximated", note=f"{row.note} {note}".strip())


def table(reading: Reading, model_note: str, answers: Sequence[Resolved] = ()) -> str:
    """Rows of key, value and what became of it. Everything in it comes from a file of anyone's making, so all is escaped."""
    rows = []
    named = {reading.request.model, reading.request.model_hash} - {""}
    for row in reading.rows:
        if model_note and str(row.value) in named and MODEL_ROW.search(row.key):
            row = dataclasses.replace(row, state="not restored", note=f"{row.note} See above.".strip())
        row = found_or_not(row, answers)
        kind = row.state.replace(" ", "-")
        note = f"<small>{html.escape(row.note)}</small>" if row.note else ""
        state = html.escape(STATES.get(row.state, row.state))
        rows.append(
            f'<tr class="{html.escape(kind, quote=True)}"><th scope="row">{html.escape(row.key)}</th><td>{html.escape(str(row.value))}{note}</td><td class="state">{state}</td></tr>'
        )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in (*reading.notes, *([model_note] if model_note else [])))
    title = (
        f"Made with {html.escape(reading.source)}"
        if reading.source
        else "Made by Extras"
        if reading.again
        else "There are no generation parameters in this file"
    )
    head = '<thead><tr><th scope="col">Parameter</th><th scope="col">Value</th><th scope="col">In Easel</th></tr></thead>'
    body = f'<table class="easel-table">{head}<tbody>{"".join(rows)}</tbody></table>' if rows else ""
    return f"<h3>{title}</h3>{f'<ul>{notes}</ul>' if notes else ''}{body}"


NEEDED = {"here": "✓ here", "by name": "≈ by name", "another": "✕ another file", "missing": "✕ missing"}


def needed_list(answers: list[Resolved]) -> str:
    """The models that a picture names, and what of them is here; what could stand in for a missing one is a button that opens its card."""
    rows = []
    for answer in answers:
        need, escape = answer.need, html.escape
        name = need.name or (answer.card.name if answer.card else "")
        digest = f" <code>{escape(need.hash[:12])}</code>" if need.hash else ""
        offers = "".join(_button(card) for card in answer.substitutes)
        instead = f'<small class="instead"><span>Could stand in:</span> {offers}</small>' if offers else ""
        here = _button(answer.card) if answer.card and answer.state in ("here", "by name", "another") else ""
        note = f"<small>{escape(answer.note)}</small>" if answer.note else ""
        state = {"here": "restored", "by name": "approximated"}.get(answer.state, "not-restored")
        kind = BY_ID[need.kind].label.removesuffix("s")
        rows.append(
            f'<tr class="{state}"><th scope="row">{escape(kind)}</th><td>{escape(name)}{digest} {here}{note}{instead}</td><td class="state">{NEEDED[answer.state]}</td></tr>'
        )
    if not rows:
        return ""
    head = '<thead><tr><th scope="col">Kind</th><th scope="col">Model</th><th scope="col">On this machine</th></tr></thead>'
    return f'<h3 class="easel-needed">Needed by this picture</h3><table class="easel-table">{head}<tbody>{"".join(rows)}</tbody></table>'


def _button(card: Card) -> str:
    name = html.escape(card.name, quote=True)
    return f'<button type="button" class="easel-open-model" data-model="{id_of(card.path)}" title="Look at this model">{name}</button>'
