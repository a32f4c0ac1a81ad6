"""What the chosen checkpoint's family cannot do: which of the page's widgets lie dead, and that what they still hold is not asked for. From the family's own
record, by which the engine refuses it too. How a dead widget looks is `assets/lacking.js`'s matter."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.core.errors import EaselError
from modules.core.records.families import FAMILIES, FamilyRecord
from modules.core.request import GenerationRequest
from modules.engine.supports import fields_of, fitted
from modules.ui.form import Form
from modules.ui.live import told, translated


def routes(app: App, forms: Sequence[Form[GenerationRequest]]) -> list[Route]:
    def answer(model: str) -> dict[str, str]:
        record = record_of(app, model)
        return dead(record, forms) if record else {}

    async def lacks(request: Request) -> Response:
        question = await told(request)
        return JSONResponse(await run_in_threadpool(answer, str(question.get("model", ""))), headers={"cache-control": "no-store"})

    return [Route("/easel/lacks", translated(lacks), methods=["POST"])]


def dead(record: FamilyRecord, forms: Sequence[Form[GenerationRequest]]) -> dict[str, str]:
    """Element id -> why, of every widget whose parameter the family lacks, or leaves idle."""
    found: dict[str, str] = {}
    for name, reason in {**record.idle, **record.lacks}.items():
        for field in fields_of(name):
            found |= {str(form.widgets[field.name].elem_id): reason for form in forms if field.name in form.widgets}
    return found


def asked(app: App, request: GenerationRequest) -> GenerationRequest:
    """The request without what the family would refuse. What is idle stays, as a picture had it: that changes no pixel."""
    record = record_of(app, request.model)
    return fitted(request, record) if record else request


def record_of(app: App, model: str) -> FamilyRecord | None:
    """None for a checkpoint that is not here, or cannot be used: its own error says so when it is drawn with."""
    try:
        card = app.library.checkpoint(model)
    except EaselError:
        return None
    return FAMILIES.find(card.family)
