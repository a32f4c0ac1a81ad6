"""The place of a start picture's depth map in the form for work on pictures. It is on the page for checkpoints that draw after one, and acts on those alone
(`ui.lacking`). The map lives in a canvas (`assets/depth.js`); a hidden box of the form holds its reference."""

from __future__ import annotations

import gradio as gr

from modules.core.request import GenerationRequest
from modules.ui.form import Form

PANEL = """
<section class="easel-depth" aria-label="Depth map">
  <h3>Depth map</h3>
  <p class="easel-hint">Bright where something is near. Without one, a network of models/annotators (DPT or Depth Anything) makes it of the start picture.</p>
  <div class="easel-canvas"></div>
</section>
"""


def build(form: Form[GenerationRequest]) -> None:
    """Makes it in the current place of the page."""
    box = form.put("init.depth", visible="hidden", container=False)
    box.change(None, box, None, js="(reference) => window.easel.depth.arrived(reference)", show_progress="hidden")
    gr.HTML(PANEL, elem_id="img2img_depth", apply_default_css=False)
