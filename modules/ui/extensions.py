"""The tab Extensions: which there are, switched on and off, with the error of one that failed; and how to add one. Drawn by `assets/extensions.js`."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import InvalidRequest
from modules.extension.shelf import Entry
from modules.ui.live import told, translated

PANEL = """
<section id="easel_extensions" aria-label="Extensions">
  <p class="easel-hint off" hidden>Easel was started with --disable-all-extensions, so none is loaded.</p>
  <ul></ul>
  <p class="easel-hint none" hidden>There are no extensions.</p>
  <button type="button" class="tool wide" id="extensions_look">🔄 Look again</button>
  <h3>Adding one</h3>
  <p>An extension is a folder with a file <code>extension.py</code>. Put it into <code>{folder}</code> and press “Look again”. Its Python runs with all your rights,
  so take only what you trust. Extensions of AUTOMATIC1111 cannot be loaded. How to write one: <code>docs/extensions.md</code>.</p>
</section>
"""


def build(app: App) -> None:
    """Makes the tab in the current place of the page."""
    gr.HTML(PANEL.format(folder=html.escape(str(app.paths.extensions[0]))), elem_id="easel_extensions_panel", apply_default_css=False)


def routes(app: App) -> list[Route]:
    def rows() -> dict[str, Any]:
        return {"enabled": app.extensions.enabled, "extensions": [row(entry, app.paths.extensions[0]) for entry in app.extensions.entries()]}

    async def listed(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(rows), headers={"cache-control": "no-store"})

    async def look(request: Request) -> Response:
        await told(request)
        await run_in_threadpool(app.extensions.load)
        return JSONResponse(await run_in_threadpool(rows))

    async def switch(request: Request) -> Response:
        question = await told(request)
        name, on = question.get("name"), question.get("on")
        if not isinstance(name, str) or not isinstance(on, bool):
            raise InvalidRequest("A switch takes the name of an extension, and on as true or false.")
        await run_in_threadpool(app.switch_extension, name, on)
        return JSONResponse(await run_in_threadpool(rows))

    return [
        Route("/easel/extensions", translated(listed), methods=["GET"]),
        Route("/easel/extensions", translated(switch), methods=["POST"]),
        Route("/easel/extensions/look", translated(look), methods=["POST"]),
    ]


def row(entry: Entry, own: Path) -> dict[str, Any]:
    """own: the user's folder of extensions; what lies elsewhere came with Easel."""
    return {
        "name": entry.name,
        "version": entry.version,
        "description": entry.description,
        "state": entry.state,
        "trouble": entry.trouble,
        "place": str(entry.folder) if entry.folder.parent == own else "came with Easel",
    }
