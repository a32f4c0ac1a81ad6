"""A queue on a real file and a worker on a real thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modules.core.request import GenerationRequest
from modules.jobs.queue import Queue
from modules.jobs.store import Store
from modules.jobs.worker import Worker
from tests.jobs.drawing import Drawing

PATIENCE = 60.0
"""Seconds after which a test that waits has failed; a slow machine must not make it fail."""


def small(prompt: str = "a pear", **values: object) -> GenerationRequest:
    return GenerationRequest(**{"prompt": prompt, "width": 64, "height": 64, "steps": 3, "seed": 7, **values})  # type: ignore[arg-type]


def until(queue: Queue, holds: Callable[[], bool]) -> None:
    """Waits for something to become true, looking again at each change of the queue."""
    for _ in range(10_000):
        version = queue.version
        if holds():
            return
        assert queue.wait(version, PATIENCE) != version or holds(), "nothing changed any more"
    raise AssertionError("it never became true")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def store(outputs: Path) -> Iterator[Store]:
    store = Store(outputs / "history.db")
    yield store
    store.close()


@pytest.fixture
def queue(store: Store) -> Iterator[Queue]:
    queue = Queue(store)
    yield queue
    queue.close()


@pytest.fixture
def drawing(outputs: Path) -> Drawing:
    return Drawing(outputs)


@pytest.fixture
def worker(queue: Queue, drawing: Drawing) -> Iterator[Worker]:
    """Started by the test; stopped here."""
    worker = Worker(queue, lambda: drawing)
    yield worker
    drawing.gate.set()
    assert worker.stop(PATIENCE)
