"""A whole App on an empty data folder, whose worker draws without networks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modules.app import App
from modules.core.options import Options
from modules.core.paths import Paths
from modules.jobs.job import Job
from modules.jobs.worker import Worker
from tests.jobs.drawing import Drawing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATIENCE = 60.0


class DrawnApp(App):
    """The App as it is, but for the engine. gate: cleared, it holds every step back."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.drawing = Drawing(self.paths.outputs)
        self.worker = Worker(self.queue, lambda: self.drawing)
        self._warmth = ""

    @property
    def gate(self) -> threading.Event:
        return self.drawing.gate

    def start(self) -> None:
        self.worker.start()

    def until(self, id: str, *states: str) -> Job:
        """Waits for a job to be in one of these states."""
        for _ in range(10_000):
            version = self.queue.version
            job = self.queue.get(id)
            if job.state.value in states:
                return job
            assert self.queue.wait(version, PATIENCE) != version, f"job {id} stayed {job.state.value}"
        raise AssertionError(f"job {id} never was {states}")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[DrawnApp]:
    """Started; its models folder is empty, so the starter is the only checkpoint."""
    app = DrawnApp(Options(paths=Paths(data=tmp_path, models=tmp_path / "models")))
    app.start()
    yield app
    app.gate.set()
    app.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")
    from tests.ui import page as at

    if at.find_chromium() is None:
        reason = f"NO BROWSER: none of {', '.join(at.NAMES)} is on the PATH, so the page was not tried in one"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with at.browsing() as browser:
        yield browser
