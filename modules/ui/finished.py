"""What can be done with a finished picture: drawn larger with the form's hires settings, saved with all that it was made from, or without a word of it.

Goes by the request in the picture's own file, so it works on any picture of the history, after a restart too. The buttons act in `assets/finished.js`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.components import Component
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import BadPicture, InvalidRequest, NotFound, Unsupported
from modules.core.groups.passes import Hires
from modules.core.request import GenerationRequest, single
from modules.infotext import files, own
from modules.infotext.cleaning import clean
from modules.jobs.job import Job
from modules.ui.live import FILE_HEADERS, job_of, translated
from modules.ui.overview import visible
from modules.ui.panel import Panel, Submit
from modules.ui.pictures import Pictures
from modules.ui.talk import Answer, Said, Talk, in_order

LARGER = (
    '<button type="button" id="{prefix}_upscale" class="tool" title="Draw this picture larger with the hires settings"'
    ' aria-label="Draw this picture larger with the hires settings">✨</button>'
)
ONWARD = (
    '<button type="button" id="{prefix}_continue" class="tool wide"'
    ' title="Put this picture on the canvas as the next start; the form stays as it is">🔁 <span class="word long">Continue from this result</span></button>'
)
PACKED = (
    '<button type="button" id="{prefix}_save_with_inputs" class="tool wide"'
    ' title="Save with the start picture and the mask inside the file, so that it can be made again elsewhere">🎒 <span class="word long">With inputs</span></button>'
)
CLEAN = (
    '<button type="button" id="{prefix}_save_clean" class="tool wide"'
    ' title="Save a copy without metadata: no parameters, no EXIF, nothing hidden in the pixels">🧹 <span class="word long">Without metadata</span></button>'
)


def buttons(prefix: str) -> str:
    """Of the row under a panel's gallery."""
    return ((LARGER if prefix == "txt2img" else ONWARD + PACKED if prefix == "img2img" else PACKED) + CLEAN).format(prefix=prefix)


def build(app: App, panel: Panel, pictures: Pictures, submit: Submit, talk: Talk) -> None:
    """Wires ✨ of the panel that has it."""
    form = panel.form
    chosen = gr.Textbox("", elem_id=f"{panel.prefix}_upscale_of", visible="hidden", show_label=False, container=False)

    def on_larger(values: Mapping[Component, Any], user: str) -> Answer:
        job, number = _named(app, values[chosen], user)
        request = larger(request_of(pictures, job, number), form.collect(values).hires)
        return Answer(said=Said(job=submit(request, user), panel=panel.prefix))

    go = gr.Button("", elem_id=f"{panel.prefix}_upscale_go", visible="hidden")
    read = {chosen, *form.inputs}
    fill = f"(...values) => values.toSpliced({in_order(read).index(chosen)}, 1, window.easel.panels.{panel.prefix}.named())"
    talk.on(go.click, on_larger, read, explain=form.explain, js=fill)


def larger(request: GenerationRequest, hires: Hires) -> GenerationRequest:
    """The request with a second pass. Raises Unsupported for a picture that can have none."""
    if request.script.name:
        raise Unsupported("This picture was put together from several, so there is no pass that could be gone on from.", "Choose one of them.")
    if request.init.image:
        raise Unsupported("Only a picture drawn from its prompt has a second pass.", "Send this one to img2img or to Extras to make it larger.")
    return replace(request, hires=replace(hires, enabled=True))


def request_of(pictures: Pictures, job: Job, number: int) -> GenerationRequest:
    """What makes a picture alone: from its file, or from the history where its file says nothing. Raises NotFound."""
    record = pictures.record(job, number)
    data, _ = pictures.data(job, number)
    document = files.read(data).document
    if own.is_own(document):
        return own.read(document or {}).request
    if not isinstance(job.resolved, GenerationRequest) or job.resolved.script.name:
        raise BadPicture("The file of this picture does not say how it was made.", "Switch on writing infotext to metadata in Settings, and draw it again.")
    return single(job.resolved, record.index)


def _named(app: App, text: Any, user: str) -> tuple[Job, int]:
    """The picture that the page names. Raises NotFound, also for another user's, InvalidRequest."""
    try:
        wish = json.loads(text)
        id, number = str(wish["job"]), int(wish["number"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidRequest("There is no picture to draw larger.", "Draw one first.") from None
    job = app.queue.get(id)
    if not visible(job, user):
        raise NotFound("There is no such picture.", "Look at the queue or the history.")
    return job, number


def routes(app: App, pictures: Pictures) -> list[Route]:
    """/easel/jobs/ID/copies/NUMBER/with-inputs and .../clean: to save."""

    def copy(make: Callable[[bytes], bytes], word: str) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            job, number = await job_of(app, request, request.path_params["id"]), request.path_params["number"]
            data, kind = await run_in_threadpool(pictures.data, job, number)
            made = await run_in_threadpool(make, data)
            stem, dot, ending = pictures.name(pictures.record(job, number)).rpartition(".")
            headers = {**FILE_HEADERS, "content-disposition": f"attachment; filename*=UTF-8''{quote(f'{stem}-{word}{dot}{ending}')}"}
            return Response(made, media_type=kind, headers=headers)

        return answer

    at = "/easel/jobs/{id}/copies/{number:int}"
    return [
        Route(f"{at}/with-inputs", translated(copy(app.with_inputs, "with-inputs")), methods=["GET"]),
        Route(f"{at}/clean", translated(copy(clean, "clean")), methods=["GET"]),
    ]
