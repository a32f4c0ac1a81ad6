"""The tab Settings: one widget for each declared setting and one button that applies them. Knows no setting's meaning, but which are names of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.params import value_of, walk
from modules.core.settings import Settings
from modules.ui.form import Form
from modules.ui.talk import Answer, Said, Talk

STARTER = ("The starter model, or the first one found", "")


def build(app: App, models: list[tuple[str, str]], talk: Talk) -> Form[Settings]:
    """Makes the tab in the current place of the page. models: the entries of the checkpoint menu. -> its form"""
    form = Form(app.settings.value, "setting", ids={"sd_model_checkpoint": "default_checkpoint"})
    with gr.Column(elem_id="settings_sections"):
        apply = gr.Button("Apply settings", elem_id="settings_submit", variant="primary")
        for field in walk(Settings):
            choices = checkpoints(models, app.settings.value.sd_model_checkpoint) if field.name == "sd_model_checkpoint" else None
            with gr.Row(elem_classes="easel-setting"):
                form.put(field.name, choices=choices)

    def on_apply(values: Mapping[Component, Any], user: str) -> Answer:
        before, wanted = app.settings.value, form.collect(values)
        changed = {field.name: value_of(wanted, field) for field in walk(Settings) if value_of(wanted, field) != value_of(before, field)}
        if changed:
            app.settings.change_all(changed)
        labels = [field.param.label for field in walk(Settings) if field.name in changed]
        return Answer(said=Said(f"{', '.join(labels)}." if labels else "Nothing was changed.", "Settings saved" if labels else "Settings"))

    talk.on(apply.click, on_apply, form.inputs, explain=form.explain)
    return form


def checkpoints(models: list[tuple[str, str]], chosen: str) -> list[tuple[str, str]]:
    """The menu's entries, with one for "none in particular", and the chosen one even if it is not there at the moment."""
    gone = [] if not chosen or chosen in (value for _, value in models) else [(f"{chosen} (not found)", chosen)]
    return [STARTER, *models, *gone]
