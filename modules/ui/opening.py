"""What a page that was just opened is brought to: menus, settings and forms as they are now, or a form as it was before its tab was reloaded.

In parts, each with a hidden button that fills it. The load of a page only asks which parts differ from the page as it was built, and the browser presses
their buttons (`assets/panel.js`): a page on which nothing has changed is ready at once, and nothing is taken from a hand that was quicker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.ui.talk import QUIET

KEPT = '() => window.easel && window.easel.kept ? window.easel.kept() : sessionStorage.getItem("easel-forms") || ""'


@dataclass(frozen=True)
class Part:
    """name: of its button's element id. boxes: all that it may change. fill: (what the browser had noted of all forms, as JSON or "") -> updates of those boxes."""

    name: str
    boxes: Iterable[Component]
    fill: Callable[[str], Mapping[Component, Any]]


def build(blocks: gr.Blocks, parts: Sequence[Part]) -> None:
    """Makes the buttons in the current place of the page, once all that the parts fill is there, and wires them."""
    kept = gr.Textbox(elem_id="easel_kept", visible="hidden", show_label=False, container=False)
    wanted = gr.Textbox(elem_id="easel_wanted", visible="hidden", show_label=False, container=False)
    built = {part.name: part.fill("") for part in parts}
    for part in parts:
        button = gr.Button("", elem_id=f"easel_fill_{part.name}", visible="hidden")
        filled = button.click(_only(part), kept, list(dict.fromkeys(part.boxes)), js=KEPT, **QUIET)
        filled.then(None, None, None, js="() => window.easel.filled()", show_progress="hidden")

    def on_load(noted: str) -> str:
        return json.dumps([part.name for part in parts if part.fill(noted) != built[part.name]])

    blocks.load(on_load, kept, wanted, js=KEPT, **QUIET).then(None, wanted, None, js="(parts) => window.easel.opened(parts)", show_progress="hidden")


def _only(part: Part) -> Callable[[str], dict[Component, Any]]:
    boxes = set(part.boxes)

    def fill(noted: str) -> dict[Component, Any]:
        return {box: update for box, update in part.fill(noted).items() if box in boxes}

    return fill
