"""Presses a button of a page that is built and not served: its handler is called as Gradio would, with what the widgets hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from modules.core.options import Options
from modules.core.paths import Paths
from modules.ui import build
from modules.ui.build import Page
from tests.ui.conftest import DrawnApp


def press(page: Page, elem_id: str, **held: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """held: values of widgets, by element id; the others hold what they were made with. -> (updates by element id, what was said)"""
    block = next(block for block in page.blocks.blocks.values() if block.elem_id == elem_id)
    event = next(fn for fn in page.blocks.fns.values() if fn.fn is not None and any(target == block._id for target, _ in fn.targets))
    values = {one: held.get(one.elem_id, one.value) for one in event.inputs}
    found: Mapping[Any, Any] = event.fn(values, SimpleNamespace(username=""))
    updates = {one.elem_id: value for one, value in found.items()}
    return updates, json.loads(updates.pop("easel_said"))


def ids(page: Page) -> list[str]:
    return [block.elem_id for block in page.blocks.blocks.values() if block.elem_id]


def built_page(data: Path) -> Iterator[tuple[DrawnApp, Page]]:
    """An app that is not started, and its page: for a fixture that several tests share."""
    app = DrawnApp(Options(paths=Paths(data=data, models=data / "models")))
    yield app, build.page(app)
    app.stop()
