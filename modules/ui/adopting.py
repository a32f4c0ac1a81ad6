"""The section "Import from A1111" of Settings and its routes. Only for a browser on this very machine: it names folders of this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.a1111.adoption import Report
from modules.app import App
from modules.core.errors import InvalidRequest, Unsupported
from modules.ui import live

LONGEST = 1000
"""Characters of a path."""

PANEL = """
<div id="a1111_import">
  <p class="easel-hint">Takes over the settings, the start values of forms, the styles and the model folders of an AUTOMATIC1111 installation.
  Models stay where they are and are never copied; nothing in that folder is changed. It can be taken back.</p>
  <div class="asked">
    <label for="a1111_folder">Folder of the installation</label>
    <input type="text" id="a1111_folder" placeholder="for example /home/ann/stable-diffusion-webui" autocomplete="off" spellcheck="false">
    <div class="easel-setting-buttons">
      <button type="button" id="a1111_look" class="tool wide">Look what is there</button>
      <button type="button" id="a1111_take" class="tool wide">Take it over</button>
      <button type="button" id="a1111_undo" class="tool wide" hidden>Take it back</button>
    </div>
  </div>
  <div class="report" role="status"></div>
</div>
"""


def fill() -> None:
    """Makes the section in the current place of the page (`assets/adopting.js` does the rest)."""
    gr.HTML(PANEL, elem_id="a1111_import_place", apply_default_css=False)


def routes(app: App) -> list[Route]:
    """GET says whether it can be done from here; POST looks, takes over, takes back."""

    def undo(path: Path) -> Report:
        return app.adoption.undo()

    async def state(request: Request) -> Response:
        last = await run_in_threadpool(app.adoption.last) if live.is_near(request) else ""
        return JSONResponse({"here": live.is_near(request), "last": last}, headers={"cache-control": "no-store"})

    def acting(act: Callable[[Path], Report]) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            path = (await live.told(request)).get("path", "")
            if not live.is_near(request):
                raise Unsupported(
                    "An A1111 folder can only be taken over on the machine that Easel runs on.", "There, `python launch.py import-a1111 FOLDER` does the same."
                )
            if not isinstance(path, str) or len(path) > LONGEST or "\0" in path:
                raise InvalidRequest("path is no folder's name.", "Give the folder of the installation.", "path")
            if act is not undo and not path.strip():
                raise InvalidRequest("No folder was named.", "Give the folder of the installation.", "path")
            report = await run_in_threadpool(act, Path(path.strip()))
            rows = [dataclasses.asdict(row) for row in report.rows]
            return JSONResponse({"root": str(report.root), "rows": rows, "usual": report.usual, "last": app.adoption.last()})

        return answer

    table = {"look": app.adoption.look, "take": app.adoption.take, "undo": undo}
    acts = [Route(f"/easel/a1111/{name}", live.translated(acting(act)), methods=["POST"]) for name, act in table.items()]  # type: ignore[arg-type]
    return [Route("/easel/a1111", live.translated(state), methods=["GET"]), *acts]
