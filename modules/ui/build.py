"""Builds the page: header, tabs, styles and scripts. Imports no torch, asks no other host, and must be quick: it stands between start and first answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.components import Component
from starlette.routing import Route

from modules.app import App
from modules.core.request import GenerationRequest
from modules.core.wish import Wish
from modules.ui import (
    adopting,
    compare,
    control,
    defaults,
    entries,
    extensions,
    extras,
    finished,
    fit,
    img2img,
    inputs,
    lacking,
    layout,
    live,
    localization,
    loras,
    menu,
    models,
    modes,
    opening,
    panel,
    png_info,
    queue,
    quick,
    settings,
    sizes,
    styles,
    tabs,
    train,
    trainings,
    txt2img,
    weights,
    words,
)
from modules.ui.defaults import Defaults
from modules.ui.form import Form
from modules.ui.localization import Catalogue
from modules.ui.opening import Part
from modules.ui.panel import Formed
from modules.ui.pictures import Pictures
from modules.ui.settings import Section
from modules.ui.talk import Talk
from modules.ui.theme import theme

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = (
    "page.js",
    "notices.js",
    "entries.js",
    "fields.js",
    "canvas.js",
    "keys.js",
    "files.js",
    "panel.js",
    "modes.js",
    "outpaint.js",
    "batch.js",
    "sends.js",
    "extras.js",
    "control.js",
    "depth.js",
    "scripts.js",
    "gallery.js",
    "keep.js",
    "weights.js",
    "lacking.js",
    "finished.js",
    "queue.js",
    "live.js",
    "forever.js",
    "compare.js",
    "settings.js",
    "words.js",
    "styles.js",
    "loras.js",
    "sizes.js",
    "fit.js",
    "models.js",
    "model.js",
    "work.js",
    "get.js",
    "extensions.js",
    "adopting.js",
    "curve.js",
    "train.js",
    "train_set.js",
    "train_run.js",
)
STYLES = ("easel.css", "canvas.css", "weights.css", "settings.css", "words.css", "extensions.css", "extras.css", "control.css", "models.css", "train.css")

STATUS = '<div id="easel_status" role="status" aria-live="polite"></div>'
NOTICES = """<span role="status"><button type="button" id="easel_notices" class="tool wide" title="Notices" aria-label="Notices" hidden>⚠️ <span class="count"></span></button></span>"""
THEME_BUTTON = """<button type="button" id="easel_theme" class="tool" title="Dark or light" aria-label="Dark or light"><span class="sun">☀️</span><span class="moon">🌙</span></button>"""


ICON = "data:image/svg+xml," + quote(
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32' fill='none' stroke='#d15c17' stroke-width='2.6' stroke-linecap='round'>"
    "<path d='M16 2v3M10 22 6 30M22 22l4 8M16 22v6M5 22h22'/><rect x='7' y='5' width='18' height='14' rx='1.5' fill='#fdcba6'/></svg>"
)
"""An easel, in the page itself: it needs no path, so it is there under every subpath."""


@dataclass(frozen=True)
class Page:
    """blocks: the page. launch: what belongs to it among the arguments of `Blocks.launch`. routes: the page's own, to stand beside Gradio's."""

    blocks: gr.Blocks
    launch: dict[str, Any] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)


def page(app: App) -> Page:
    pictures = Pictures(app.paths.outputs)
    start = replace(app.default_request(), model=menu.default(app))
    form = Form(start, "txt2img", layout.IDS, menu.looks(app), menu.long(app))
    editing = Form(img2img.fresh(start), "img2img", layout.IDS, menu.looks(app), menu.long(app))

    def submit(request: Wish, user: str) -> str:
        if isinstance(request, GenerationRequest):
            request = lacking.asked(app, request)
        ticket = app.submit(request, owner=user, save=app.settings.value.samples_save)
        pictures.hold(ticket)
        return ticket.id

    with gr.Blocks(title="Easel", analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)) as blocks:
        talk = Talk()
        choices, starts = settings.new_form(app), Defaults(app)
        with gr.Row(elem_id="quicksettings"):
            form.put("model", elem_id="setting_sd_model_checkpoint", info=None, scale=0, min_width=160)
            refresh = layout.tool("txt2img", "refresh_sd_model_checkpoint")
            gr.HTML(STATUS, elem_id="easel_header", apply_default_css=False)
            gr.HTML(NOTICES + THEME_BUTTON, elem_id="easel_header_end", apply_default_css=False)
        shared = quick.build(app, form, choices, settings.menus(app, ()), talk)
        with gr.Tabs(elem_id="tabs") as place:
            with gr.Tab("txt2img", elem_id="tab_txt2img", id="txt2img"):
                first = txt2img.build(app, form, submit, talk)
                finished.build(app, first, pictures, submit, talk)
            for id, name in (("img2img", "img2img"), ("inpaint", "Inpaint / Outpaint")):
                gr.Tab(name, elem_id=f"tab_{id}", id=id)
            with gr.Tab("Extras", elem_id="tab_extras", id="extras", render_children=True):
                third = extras.build(app, submit, talk)
            with gr.Tab("PNG Info", elem_id="tab_pnginfo", id="pnginfo", render_children=True):
                png_info.build(first.reader, talk)
            with gr.Tab("Models", elem_id="tab_models", id="models", render_children=True):
                models.build()
            with gr.Tab("Train", elem_id="tab_train", id="train", render_children=True):
                fourth = train.build(app, form.widgets["model"])
            with gr.Tab("Queue", elem_id="tab_queue", id="queue", render_children=True):
                queue.build()
            with gr.Tab("Settings", elem_id="tab_settings", id="settings"):
                further = [Section("Defaults", starts.fill), Section("Import from A1111", adopting.fill)]
                settings.build(app, choices, settings.menus(app, [*tabs.names(place), "Extensions"]), further, talk)
            with gr.Tab("Extensions", elem_id="tab_extensions", id="extensions", render_children=True):
                extensions.build(app)
        with gr.Column(elem_id="img2img_panel", min_width=0):
            for name in ("model", *(name for name in shared if name not in layout.HIDDEN["img2img"])):
                editing.share(name, form.widgets[name])
            second = img2img.build(app, editing, submit, talk)
        panels = [first, second]
        formed: list[Formed] = [*panels, third, fourth]
        last = menu.build(app, [one.form for one in panels], refresh, talk, [third.form])
        starts.wire([one.form for one in panels], talk)
        styles.wire([(one.styles, one.form) for one in panels], app, talk)
        long = entries.wire([form, editing, choices])
        opens = tabs.arrange(place, app.settings.value)
        for one in formed:
            panel.keep(one)

        def on_first(noted: str) -> dict[Component, Any]:
            updates = restored(first, noted)
            model = menu.listed(menu.entries(app), updates.get(form.widgets["model"], {}).get("value", menu.default(app)))
            return {**updates, form.widgets["model"]: model, last: model["value"] or ""}

        def restored(one: panel.Panel, noted: str) -> dict[Component, Any]:
            """A form as it was before a reload of its tab, or else as it suits the default model; its menus as they are now."""
            updates = panel.restored(one, noted) or defaults.fresh(app, one.form)
            chosen, refiner = one.form.widgets["styles"], one.form.widgets["refiner.checkpoint"]
            updates[chosen] = styles.listed(app, updates.get(chosen, {}).get("value", ()))
            updates = menu.with_faces(app, one.form, updates)
            return {**updates, refiner: menu.listed(menu.refiners(app), updates.get(refiner, {}).get("value", ""))}

        parts = [
            Part(first.prefix, [*form.inputs, last], on_first),
            Part(second.prefix, editing.inputs - form.inputs, lambda noted: restored(second, noted)),
            Part(third.prefix, third.form.inputs, lambda noted: menu.with_faces(app, third.form, panel.restored(third, noted))),
            Part(fourth.prefix, fourth.form.inputs - form.inputs, lambda noted: panel.restored(fourth, noted)),
            Part("settings", choices.inputs, lambda noted: choices.fill(app.settings.value)),
        ]
        opening.build(blocks, parts)
    routes = [
        control.routes(app),
        live.routes(app, pictures),
        inputs.routes(app, pictures),
        weights.routes(app),
        compare.routes(app, pictures),
        finished.routes(app, pictures),
    ]
    routes += [
        styles.routes(app),
        words.routes(app),
        extensions.routes(app),
        adopting.routes(app),
        models.routes(app, pictures),
        loras.routes(app),
        trainings.routes(app, fourth.form),
    ]
    routes += [lacking.routes(app, [one.form for one in panels]), sizes.routes(app), fit.routes(app), entries.routes([form, editing, choices])]
    catalogue = localization.load(app.paths, app.settings.value.localization)
    if catalogue:
        localization.apply(blocks, catalogue)
    return Page(blocks, launch(app, formed, opens, long, catalogue), [route for some in routes for route in some])


def launch(app: App, panels: Sequence[Formed], opens: str, long: Sequence[str], catalogue: Catalogue | None = None) -> dict[str, Any]:
    """Styles and scripts as arguments of `Blocks.launch`. opens: element id of the tab that is shown first. long: of menus of many files. catalogue: of the page's language, None in English.
    They are part of the page, so a subpath or a login cannot come between.
    Not as `css=`: Gradio rewrites selectors there, splits them at commas and confines them to its own element."""
    names = {layout.tool_id(one.prefix, name): text for one in panels for name, (_, text) in layout.TOOLS.items()}
    usual = {one.prefix: panel.usual(one) for one in panels}
    given = {
        "names": names,
        "theme": app.options.serve.theme or app.settings.value.theme,
        "usual": usual,
        "opens": opens,
        "long": long,
        "modes": [asdict(mode) for mode in modes.MODES],
    }
    files = list(SCRIPTS)
    styles = "\n".join([*((ASSETS / name).read_text("utf-8") for name in STYLES), modes.styles()])
    if catalogue:
        given["localization"] = {"language": catalogue.language, "texts": dict(catalogue.texts)}
        files, styles = ["localization.js", *files], localization.styles(styles, catalogue)
    scripts = "\n".join((ASSETS / name).read_text("utf-8") for name in files)
    head = f"<link rel='icon' href='{ICON}'>\n<style>\n{styles}</style>\n<script>\nwindow.easel = {json.dumps(given).replace('<', chr(92) + 'u003c')};\n{scripts}</script>"
    return {"theme": theme(), "head": head, "footer_links": []}
