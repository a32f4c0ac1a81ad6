"""The tab Queue: the frame in which `assets/queue.js` shows what runs, what waits and what was made lately."""

from __future__ import annotations

import gradio as gr

PANEL = """
<section id="easel_queue" aria-label="Queue">
  <h3>Now</h3>
  <p class="none easel-hint">Nothing is running or waiting. Generate, pressed while a picture is being made, puts the next one here.</p>
  <ul class="active"></ul>
  <ul class="waiting"></ul>
  <h3 class="lately" hidden>Lately</h3>
  <ul class="over"></ul>
</section>
"""


def build() -> None:
    """Makes the tab in the current place of the page."""
    gr.HTML(PANEL, elem_id="easel_queue_panel", apply_default_css=False)
