"""Sizes that suit the chosen checkpoint, for a menu beside width and height: its family's own, which its record lists. The menu is drawn in the browser
(`assets/sizes.js`). Nothing is loaded for it.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modules.app import App
from modules.catalog.card import Card
from modules.core.errors import EaselError
from modules.core.records.families import FAMILIES, FamilyRecord
from modules.ui.live import told, translated

RATIOS = ((1, 1), (5, 4), (4, 3), (7, 5), (3, 2), (16, 9), (2, 1), (12, 5))
"""Shapes that people know by name, the wider side first."""


def routes(app: App) -> list[Route]:
    async def said(request: Request) -> Response:
        model = str((await told(request)).get("model", ""))
        return JSONResponse({"sizes": await run_in_threadpool(listed, app, model)}, headers={"cache-control": "no-store"})

    return [Route("/easel/sizes", translated(said), methods=["POST"])]


def listed(app: App, model: str) -> list[tuple[int, int, str]]:
    """(width, height, shape); none where there is no such model."""
    try:
        card = app.card(model)
    except EaselError:
        return []
    record = FAMILIES.find(card.family) if card else None
    return [(width, height, shape(width, height)) for width, height in sizes(card, record)] if card and record else []


def sizes(card: Card, record: FamilyRecord) -> list[tuple[int, int]]:
    """The family's, brought to the size that the model itself is for."""
    share = (card.native or record.native) / record.native
    step = 64 if share >= 1 else 8
    return [tuple(max(round(side * share / step) * step, 64) for side in size) for size in record.sizes]  # type: ignore[misc]


def shape(width: int, height: int) -> str:
    """The nearest of RATIOS, as "3:2" or, upright, "2:3"."""
    wide, low = max(RATIOS, key=lambda ratio: -abs(ratio[0] / ratio[1] - max(width, height) / min(width, height)))
    return f"{wide}:{low}" if width >= height else f"{low}:{wide}"
