"""The tab Settings: each declared setting in its section, under A1111's titles; one button applies them. Which section is shown, and the search, is the
browser's matter (`assets/settings.js`). Knows no setting's meaning, but which are names of models, tabs or parameters."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.params import value_of, walk
from modules.core.settings import SECTIONS, Settings
from modules.ui import localization, menu, quick
from modules.ui.fields import Choices
from modules.ui.form import Form
from modules.ui.tabs import KEPT
from modules.ui.talk import Answer, Said, Talk

STARTER = ("The starter model, or the first one found", "")

ELSEWHERE = ("disabled_extensions", "extra_model_folders")
"""Settings that another tab or section sets."""

NAV = """
<nav id="settings_nav" aria-label="Settings">
  <input type="search" id="settings_search" placeholder="Search settings" aria-label="Search settings" autocomplete="off" spellcheck="false">
  <div class="sections">{buttons}</div>
  <p id="settings_found" role="status"></p>
</nav>
"""


@dataclass(frozen=True)
class Section:
    """A section that is no list of settings. fill: makes what stands in it."""

    title: str
    fill: Callable[[], None]

    @property
    def key(self) -> str:
        return key(self.title)


def key(title: str) -> str:
    """Of element ids: "Saving images/grids" -> "saving_images_grids"."""
    return re.sub(r"\W+", "_", title.lower()).strip("_")


def new_form(app: App) -> Form[Settings]:
    """The settings' form, before any widget of it stands anywhere: some may stand in the header."""
    models = {"sd_model_checkpoint": lambda: checkpoints(menu.entries(app), app.settings.value.sd_model_checkpoint)}
    return Form(app.settings.value, "setting", ids={"sd_model_checkpoint": "default_checkpoint"}, long=models)


def build(app: App, form: Form[Settings], choices: Mapping[str, Choices], further: Sequence[Section], talk: Talk) -> None:
    """Makes the tab in the current place of the page, but for settings that stand elsewhere already. choices: menus of settings whose entries are not
    declared, by name. further: sections behind those of settings."""
    titles = [(title, key(title)) for title in SECTIONS] + [(section.title, section.key) for section in further]
    with gr.Row(elem_id="settings_top"):
        apply = gr.Button("Apply settings", elem_id="settings_submit", variant="primary", min_width=0, scale=0)
        reset = gr.Button("Fill in the defaults", elem_id="settings_reset", min_width=0, scale=0)
    with gr.Row(elem_id="settings_columns", equal_height=False):
        with gr.Column(elem_id="settings_left", min_width=0, scale=0):
            gr.HTML(nav(titles), elem_id="settings_nav_place", apply_default_css=False)
        with gr.Column(elem_id="settings_sections", min_width=0):
            for title, kind in SECTIONS.items():
                with _section(title):
                    for field in walk(kind):
                        if field.name not in form.widgets and field.name not in ELSEWHERE:
                            with gr.Row(elem_classes="easel-setting"):
                                form.put(field.name, **({"choices": choices[field.name]} if field.name in choices else {}))
            for section in further:
                with _section(section.title):
                    section.fill()

    def on_apply(values: Mapping[Component, Any], user: str) -> Answer:
        before, wanted = app.settings.value, form.collect(values)
        shown = [field for field in walk(Settings) if field.name in form.widgets]
        changed = {field.name: value_of(wanted, field) for field in shown if value_of(wanted, field) != value_of(before, field)}
        if changed:
            app.settings.change_all(changed)
        labels = [field.param.label for field in walk(Settings) if field.name in changed]
        return Answer(said=Said(f"{', '.join(labels)}." if labels else "Nothing was changed.", "Settings saved" if labels else "Settings"))

    def on_reset(values: Mapping[Component, Any], user: str) -> Answer:
        return Answer(form.fill(Settings()), Said("Every setting shows its default. Apply settings saves that; reloading the page takes it back.", "Settings"))

    talk.on(apply.click, on_apply, form.inputs, explain=form.explain)
    talk.on(reset.click, on_reset, set(), form.inputs)


def _section(title: str) -> gr.Column:
    with gr.Column(elem_id=f"settings_{key(title)}", elem_classes="easel-section", min_width=0) as column:
        gr.HTML(f"<h3>{html.escape(title)}</h3>", apply_default_css=False)
    return column


def nav(titles: Sequence[tuple[str, str]]) -> str:
    buttons = "".join(
        f'<button type="button" data-section="settings_{name}">{html.escape(title)}</button>' for title, name in [*titles, ("Show all pages", "")]
    )
    return NAV.format(buttons=buttons)


def menus(app: App, tabs: Sequence[str]) -> dict[str, Choices]:
    """The entries of menus that are not declared with their setting, by name. tabs: the words on them."""
    now = app.settings.value
    return {
        "quicksettings_list": with_others(quick.offered(), now.quicksettings_list),
        "ui_tab_order": with_others([(name, name) for name in tabs], now.ui_tab_order),
        "hidden_tabs": with_others([(name, name) for name in tabs if name != KEPT], now.hidden_tabs),
        "localization": with_others([(name, name) for name in localization.names(app.paths)], (now.localization,)),
    }


def with_others(entries: list[tuple[str, str]], chosen: Sequence[str]) -> list[tuple[str, str]]:
    """A menu's entries, and what is chosen without being one: of a tab or an extension that is away."""
    known = {value for _, value in entries}
    return [*entries, *((f"{name} (not there)", name) for name in chosen if name not in known)]


def checkpoints(models: list[tuple[str, str]], chosen: str) -> list[tuple[str, str]]:
    """The menu's entries, with one for "none in particular", and the chosen one even if it is not there at the moment."""
    gone = [] if not chosen or chosen in (value for _, value in models) else [(f"{chosen} (not found)", chosen)]
    return [STARTER, *models, *gone]
