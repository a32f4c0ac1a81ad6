"""The tab Models: the frame in which `assets/models.js` shows every model file as a card, and the routes that it asks.

A click on a card inserts or selects what it stands for in the panel that was used last; the server is only asked for what lies on the disk.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import InvalidRequest
from modules.core.params import from_dict
from modules.stock.getting import FromAddress, FromHub
from modules.stock.groups import GROUPS
from modules.stock.making import Conversion, Merging
from modules.stock.stock import Stock
from modules.stock.tasks import Task
from modules.stock.trash import Binned
from modules.ui.live import FILE_HEADERS, job_of, told, translated, user_of
from modules.ui.pictures import Pictures

T = TypeVar("T")

SORTS = {"name": "Name", "changed": "Date", "size": "Size", "folder": "Folder", "family": "Family"}

PANEL = """
<section id="easel_models" aria-label="Models">
  <div class="kinds" role="group" aria-label="Kinds of models"></div>
  <div class="bar">
    <input type="search" id="models_search" class="search" placeholder="Search names, words, notes, hashes" aria-label="Search models">
    <label class="pick-folder"><span>Folder</span><select id="models_folder" aria-label="Folder"></select></label>
    <label><span>Sort</span><select id="models_sort" aria-label="Sort">{sorts}</select></label>
    <button type="button" id="models_order" class="tool" title="Turn the order about" aria-label="Turn the order about" aria-pressed="false">⇅</button>
    <button type="button" id="models_favourites" class="tool" title="Only favourites" aria-label="Only favourites" aria-pressed="false">★</button>
    <button type="button" id="models_fitting" class="tool wide" title="Hide cards of another family than the chosen checkpoint's" aria-pressed="false">Only fitting</button>
    <button type="button" id="models_refresh" class="tool" title="Look through the folders again" aria-label="Look through the folders again">🔄</button>
    <span class="acts"></span>
  </div>
  <ul class="tasks" aria-label="Work on models"></ul>
  <p class="none easel-hint" role="status"></p>
  <div class="grid" role="list" aria-label="Models"></div>
</section>
"""


def build() -> None:
    """Makes the tab in the current place of the page."""
    sorts = "".join(f'<option value="{id}">{label}</option>' for id, label in SORTS.items())
    gr.HTML(PANEL.format(sorts=sorts), elem_id="easel_models_panel", apply_default_css=False)


def routes(app: App, pictures: Pictures) -> list[Route]:
    """pictures: those of the galleries, which may become a card's."""
    stock = app.stock

    packed = Packed(stock)

    async def listed(request: Request) -> Response:
        """The cards, unless they are those that the page has already (`since`)."""
        if "refresh" in request.query_params:
            await run_in_threadpool(app.library.refresh)
        version, text = await run_in_threadpool(packed.now)
        if version == request.query_params.get("since"):
            return JSONResponse({"version": version})
        body = f'{{"version":"{version}",{text[1:]}'.encode("utf-8", "replace")
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

    async def thumb(request: Request) -> Response:
        data = await run_in_threadpool(stock.thumb, request.path_params["id"])
        return Response(data, media_type="image/webp", headers=FILE_HEADERS)

    def asking(ask: Callable[[str], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return JSONResponse(await run_in_threadpool(ask, request.path_params["id"]), headers={"cache-control": "no-store"})

        return answer

    async def note(request: Request) -> Response:
        await run_in_threadpool(stock.note, request.path_params["id"], await told(request))
        return JSONResponse({})

    async def favour(request: Request) -> Response:
        on = (await told(request)).get("on")
        if not isinstance(on, bool):
            raise InvalidRequest(f"on = {on!r:.40} is not usable.", "Give true or false.", "on")
        await run_in_threadpool(stock.favour, request.path_params["id"], on)
        return JSONResponse({})

    async def predicts(request: Request) -> Response:
        prediction = (await told(request)).get("prediction")
        if not isinstance(prediction, str):
            raise InvalidRequest(f"prediction = {prediction!r:.40} is not usable.", "Give a text.", "prediction")
        await run_in_threadpool(stock.predicts, request.path_params["id"], prediction)
        return JSONResponse({})

    async def show(request: Request) -> Response:
        asked = await told(request)
        number = asked.get("number")
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidRequest(f"number = {number!r:.40} is not usable.", "Give a whole number.", "number")
        job = await job_of(app, request, str(asked.get("job", "")))
        data, kind = await run_in_threadpool(pictures.data, job, number)
        await run_in_threadpool(stock.show, request.path_params["id"], data, mimetypes.guess_extension(kind) or ".png")
        return JSONResponse({})

    async def bin(request: Request) -> Response:
        await told(request)
        gone = await run_in_threadpool(stock.bin, request.path_params["id"])
        return JSONResponse(binned(gone))

    async def trash(request: Request) -> Response:
        return JSONResponse({"trash": [binned(one) for one in await run_in_threadpool(stock.binned)]}, headers={"cache-control": "no-store"})

    async def restore(request: Request) -> Response:
        await told(request)
        path = await run_in_threadpool(stock.restore, request.path_params["id"])
        return JSONResponse({"name": path.name})

    async def empty(request: Request) -> Response:
        ids = (await told(request)).get("ids")
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            raise InvalidRequest(f"ids = {ids!r:.40} is not usable.", "Give a list of ids.", "ids")
        return JSONResponse({"freed": await run_in_threadpool(stock.empty, ids)})

    def making(kind: type[T], make: Callable[[T, str], Task]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            wish = from_dict(kind, await told(request))
            return JSONResponse((await run_in_threadpool(make, wish, user_of(request))).as_dict())

        return answer

    async def look(request: Request) -> Response:
        asked = await told(request)
        repository, revision = asked.get("repository"), asked.get("revision", "")
        if not isinstance(repository, str) or not isinstance(revision, str):
            raise InvalidRequest("repository and revision are texts.", "Write the repository as owner/name.", "repository")
        return JSONResponse(await run_in_threadpool(app.getting.look, repository[:400], revision[:100]))

    async def tasks(request: Request) -> Response:
        return JSONResponse({"tasks": [task.as_dict() for task in app.tasks.list(user_of(request))]}, headers={"cache-control": "no-store"})

    def ending(act: Callable[[str, str], None]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            await told(request)
            act(request.path_params["id"], user_of(request))
            return JSONResponse({})

        return answer

    table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/easel/models", listed),
        ("GET", "/easel/models/{id}", asking(stock.detail)),
        ("GET", "/easel/models/{id}/tensors", asking(stock.tensors)),
        ("GET", "/easel/models/{id}/thumb", thumb),
        ("POST", "/easel/models/{id}/notes", note),
        ("POST", "/easel/models/{id}/favourite", favour),
        ("POST", "/easel/models/{id}/picture", show),
        ("POST", "/easel/models/{id}/prediction", predicts),
        ("POST", "/easel/models/{id}/trash", bin),
        ("GET", "/easel/stock/trash", trash),
        ("POST", "/easel/stock/trash/{id}/restore", restore),
        ("POST", "/easel/stock/empty", empty),
        ("POST", "/easel/stock/convert", making(Conversion, app.making.convert)),
        ("POST", "/easel/stock/merge", making(Merging, app.making.merge)),
        ("POST", "/easel/stock/look", look),
        ("POST", "/easel/stock/get", making(FromHub, app.getting.from_hub)),
        ("POST", "/easel/stock/fetch", making(FromAddress, app.getting.from_address)),
        ("POST", "/easel/stock/tasks/{id}/discard", ending(app.tasks.discard)),
        ("GET", "/easel/stock/tasks", tasks),
        ("POST", "/easel/stock/tasks/{id}/cancel", ending(app.tasks.cancel)),
        ("POST", "/easel/stock/tasks/{id}/forget", ending(app.tasks.forget)),
    ]
    return [Route(path, translated(handler), methods=[method]) for method, path, handler in table]


class Packed:
    """The list as JSON. Thousands of cards are asked for again and again: they are packed anew only where they are others than before."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._held: tuple[list[dict[str, Any]], str, str] | None = None

    def now(self) -> tuple[str, str]:
        """(version, JSON)"""
        rows, held = self._stock.rows(), self._held
        if held is None or held[0] != rows:
            groups = [{"id": group.id, "label": group.label} for group in GROUPS]
            text = json.dumps({"groups": groups, "models": rows}, ensure_ascii=False, separators=(",", ":"))
            held = self._held = (rows, hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=8).hexdigest(), text)
        return held[1], held[2]


def binned(one: Binned) -> dict[str, Any]:
    """A deletion as the page shows it."""
    return {"id": one.id, "name": one.names[0], "files": len(one.names), "size": one.size, "when": one.when, "folder": str(one.home)}
