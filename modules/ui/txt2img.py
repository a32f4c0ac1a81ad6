"""The tab txt2img: what stands among its settings, in A1111's order, and what its Generate does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradio.components import Component

from modules.app import App
from modules.core.request import GenerationRequest
from modules.ui import control, finished, layout, panel, scripts
from modules.ui.form import Form
from modules.ui.talk import Answer, Said, Talk


def build(app: App, form: Form[GenerationRequest], submit: panel.Submit, talk: Talk) -> panel.Panel:
    """Makes the tab in the current place of the page."""

    seldom = layout.remaining(form, layout.ACCORDIONS)

    def settings() -> None:
        layout.sampling(form)
        layout.checkboxes(form)
        layout.dimensions(form)
        layout.guidance(form)
        layout.seeds(form)
        control.build(form)
        layout.accordions(form, seldom)
        scripts.build(app, form, "txt2img", talk)

    def on_generate(values: Mapping[Component, Any], user: str) -> Answer:
        return Answer(said=Said(job=submit(form.collect(values), user), panel=form.prefix))

    made = panel.build(app, form, talk, settings, control.ACCORDION + seldom, app.example(), finished.buttons(form.prefix))
    talk.on(made.generate.click, on_generate, form.inputs, explain=form.explain)
    return made
