"""What the mode Outpaint asks for: how far each side grows, and how the new parts are drawn. `assets/outpaint.js` shows the frame on the canvas."""

from __future__ import annotations

import gradio as gr

from modules.core.request import GenerationRequest
from modules.ui.form import Form

SIDES = ("left", "right", "up", "down")

GROW = """
<div class="easel-grow" role="group" aria-label="Grow by 64 pixels">
<button type="button" data-side="left">← +64</button><button type="button" data-side="right">+64 →</button>
<button type="button" data-side="up">↑ +64</button><button type="button" data-side="down">↓ +64</button>
<button type="button" data-side="all">All sides +64</button><button type="button" data-side="none">Reset</button>
<span class="easel-grown" aria-live="polite"></span>
</div>
"""


def build(form: Form[GenerationRequest]) -> None:
    """Makes the controls in the current place of the page."""
    with gr.Column(elem_id="img2img_outpaint", elem_classes=["easel-group-outpaint", "easel-block"], min_width=0):
        gr.HTML(GROW, elem_id="img2img_grow", apply_default_css=False)
        for pair in (SIDES[:2], SIDES[2:]):
            with gr.Row(elem_classes="easel-row"):
                for side in pair:
                    form.put(f"outpaint.{side}", min_width=160)
        form.put("outpaint.fill", radio=True)
        with gr.Row(elem_classes="easel-row"):
            form.put("outpaint.strength", min_width=160)
            form.put("outpaint.continuity", min_width=160)
            form.put("outpaint.feather", min_width=160)
