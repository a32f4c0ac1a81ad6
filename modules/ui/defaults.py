"""What the forms of a new page hold: what suits the default model, and over it what a person saved as their own start values (Settings, Defaults)."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.params import named, to_dict, value_of, with_values
from modules.core.request import GenerationRequest
from modules.ui import layout, menu
from modules.ui.form import Form
from modules.ui.talk import Answer, Said, Talk

ABOUT = """<p class="easel-hint">What the forms of a new page start with. Set them as you like them, look at the changes here, and save them.
They hold until another checkpoint is chosen, which brings what suits it. The checkpoint itself has a setting under Stable Diffusion.</p>"""
NOTHING = '<p class="easel-hint">Nothing differs from what a new page holds.</p>'
SHOWN = 200
"""Characters of a value in the table."""


def is_kept(name: str) -> bool:
    """Whether a form's parameter can have a start value of the user's: not the model, no picture, no script."""
    return name != "model" and not name.endswith(".image") and not name.startswith("script.")


def fresh(app: App, form: Form[GenerationRequest]) -> dict[Component, Any]:
    """Updates that bring a form of a new page to the default model as it is now, and to the user's own start values: both may have changed since the page was built.
    Only what differs from the page as it was built, so that nothing is taken from a hand that was quicker than this answer."""
    request, names = menu.suited(app, "")
    for name, value in app.form_defaults.of(form.prefix).items():
        if name in form.widgets and is_kept(name):
            try:
                request, names = with_values(request, {name: value}), [*names, name]
            except InvalidRequest:  # of another version
                continue
    now = [name for name in names if value_of(request, named(GenerationRequest, name)) != value_of(form.start, named(GenerationRequest, name))]
    updates, prompt = form.fill(request, now), form.widgets["prompt"]
    return {**updates, prompt: {**updates.get(prompt, {}), **gr.update(placeholder=layout.prompt_hint(app.example()))}}


def differing(app: App, form: Form[GenerationRequest], wanted: GenerationRequest) -> Iterator[tuple[str, Any, Any]]:
    """(parameter, what suits the default model, what the form holds) of all that the user has set otherwise."""
    usual = with_values(form.start, {name: value_of(menu.suited(app, "")[0], named(GenerationRequest, name)) for name in menu.suited(app, "")[1]})
    for name in form.widgets:
        before, now = (value_of(one, named(GenerationRequest, name)) for one in (usual, wanted))
        if is_kept(name) and before != now:
            yield name, before, now


class Defaults:
    """The section of Settings. fill: makes it in the current place of the page. wire: once all forms are there."""

    def __init__(self, app: App) -> None:
        self._app = app

    def fill(self) -> None:
        gr.HTML(ABOUT, apply_default_css=False)
        with gr.Row(elem_classes="easel-setting-buttons"):
            self._view = gr.Button("View changes", elem_id="ui_defaults_view", min_width=0, scale=0)
            self._save = gr.Button("Save as start values", elem_id="ui_defaults_apply", variant="primary", min_width=0, scale=0)
            self._reset = gr.Button("Back to what suits the model", elem_id="ui_defaults_reset", min_width=0, scale=0)
        self._shown = gr.HTML("", elem_id="ui_defaults_review", apply_default_css=False)

    def wire(self, forms: Sequence[Form[GenerationRequest]], talk: Talk) -> None:
        app = self._app
        boxes = {box for form in forms for box in form.inputs}

        def found(values: Mapping[Component, Any]) -> dict[str, list[tuple[str, Any, Any]]]:
            return {form.prefix: list(differing(app, form, form.collect(values))) for form in forms}

        def on_view(values: Mapping[Component, Any], user: str) -> Answer:
            return Answer({self._shown: table(found(values))})

        def on_save(values: Mapping[Component, Any], user: str) -> Answer:
            wanted = found(values)
            for form in forms:
                plain = to_dict(form.collect(values))
                app.form_defaults.change(form.prefix, {name: _plain(plain, name) for name, _, _ in wanted[form.prefix]})
            count = sum(len(rows) for rows in wanted.values())
            return Answer(
                {self._shown: table(wanted)},
                Said(f"A new page starts with {count} values of yours." if count else "A new page starts with what suits the model.", "Saved"),
            )

        def on_reset(values: Mapping[Component, Any], user: str) -> Answer:
            updates: dict[Component, Any] = {self._shown: ""}
            for form in forms:
                app.form_defaults.change(form.prefix, {})
                updates |= form.fill(form.start, [name for name in form.widgets if is_kept(name)]) | fresh(app, form)
            return Answer(updates, Said("A new page starts with what suits the model, and the forms show it now.", "Defaults"))

        talk.on(self._view.click, on_view, boxes, [self._shown], forms[0].explain)
        talk.on(self._save.click, on_save, boxes, [self._shown], forms[0].explain)
        talk.on(self._reset.click, on_reset, set(), [self._shown, *boxes])


def _plain(tree: Any, name: str) -> Any:
    for part in name.split("."):
        tree = tree[part]
    return tree


def table(found: Mapping[str, Sequence[tuple[str, Any, Any]]]) -> str:
    """What differs, by form. Values are the user's own texts, so all is escaped."""
    rows = [
        f'<tr><td>{prefix}</td><th scope="row">{html.escape(named(GenerationRequest, name).param.label)}</th><td>{_told(before)}</td><td>{_told(now)}</td></tr>'
        for prefix, differences in found.items()
        for name, before, now in differences
    ]
    head = '<thead><tr><th scope="col">Tab</th><th scope="col">Parameter</th><th scope="col">Without it</th><th scope="col">Now</th></tr></thead>'
    return f'<table class="easel-differs">{head}<tbody>{"".join(rows)}</tbody></table>' if rows else NOTHING


def _told(value: Any) -> str:
    text = "" if value is None else {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return html.escape(text if len(text) <= SHOWN else text[:SHOWN] + " …")
