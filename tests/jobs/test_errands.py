"""jobs.errands and the worker beside it: files are another thread's matter, and yet nothing is lost, mixed up or told too early."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modules.core.errors import OutputTrouble
from modules.core.making import Later, Making
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Report, Result
from modules.jobs.errands import Errands
from modules.jobs.job import State
from modules.jobs.queue import Queue
from modules.jobs.store import Store
from modules.jobs.worker import Worker
from tests.jobs.conftest import PATIENCE, small, until
from tests.jobs.drawing import Drawing


class Backstage(Drawing):
    """Draws at once; each save waits at `door`. A prompt of "full" finds the disk full."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.door = threading.Event()
        self.drawn: list[str] = []

    def making(self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, saving: Any, user: str, later: Later) -> Making:
        kept = [later(partial(self._kept, single(request, index), index, report)) for index in range(request.pictures)]
        self.drawn.append(request.prompt)
        yield
        return Result(request, tuple(one.result() for one in kept), ("Drawn, not dreamt.",))

    def _kept(self, request: GenerationRequest, index: int, report: Report) -> Picture:
        assert self.door.wait(PATIENCE)
        if request.prompt == "full":
            raise OutputTrouble("The disk is full.", "Free some space.")
        picture = self._finished(request, index, True)
        report(picture)
        return picture


@pytest.fixture
def backstage(outputs: Path) -> Backstage:
    return Backstage(outputs)


@pytest.fixture
def at_work(queue: Queue, backstage: Backstage) -> Iterator[Worker]:
    worker = Worker(queue, lambda: backstage)
    worker.start()
    yield worker
    backstage.door.set()
    assert worker.stop(PATIENCE)


def test_the_next_job_is_drawn_while_the_last_ones_pictures_are_saved(queue: Queue, backstage: Backstage, at_work: Worker) -> None:
    first, second = queue.submit(small("first", count=2)), queue.submit(small("second"))
    until(queue, lambda: queue.get(second.id).state is State.RUNNING)
    assert [job.id for job in queue.jobs()] == [second.id, first.id], "what is drawn now stands first"
    assert not first.done and not queue.get(first.id).pictures, "nothing is said of a picture that is not safe"
    backstage.door.set()
    assert [picture.index for picture in first.result(PATIENCE).pictures] == [0, 1]
    assert second.result(PATIENCE).pictures[0].request.prompt == "second"
    for ticket, wanted in ((first, 2), (second, 1)):
        job = queue.get(ticket.id)
        assert job.state is State.DONE and len(job.pictures) == wanted and all((backstage.folder / one.path).is_file() for one in job.pictures)
    assert queue.get(first.id).finished <= queue.get(second.id).finished  # type: ignore[operator]


def test_a_full_disk_is_told_to_the_job_whose_picture_it_was(queue: Queue, backstage: Backstage, at_work: Worker) -> None:
    tickets = [queue.submit(small(prompt)) for prompt in ("before", "full", "after")]
    backstage.door.set()
    with pytest.raises(OutputTrouble, match="full"):
        tickets[1].result(PATIENCE)
    assert tickets[0].result(PATIENCE).pictures and tickets[2].result(PATIENCE).pictures
    assert [queue.get(ticket.id).state for ticket in tickets] == [State.DONE, State.FAILED, State.DONE]


def test_stopping_waits_for_what_was_drawn(queue: Queue, backstage: Backstage, store: Store) -> None:
    worker = Worker(queue, lambda: backstage)
    worker.start()
    ticket = queue.submit(small(count=2))
    until(queue, lambda: queue.get(ticket.id).state is State.RUNNING)
    while not backstage.drawn:
        threading.Event().wait(0.001)
    assert not worker.stop(0.01), "it does not end before its files are safe"
    backstage.door.set()
    assert worker.stop(PATIENCE)
    job = store.job(ticket.id)
    assert job.state is State.DONE and len(job.pictures) == 2


def test_errands_are_done_in_order_and_only_so_many_wait() -> None:
    errands, door, done = Errands(most=2), threading.Event(), list[int]()

    def waiting(number: int) -> None:
        assert door.wait(PATIENCE)
        done.append(number)

    for number in (1, 2):
        errands.later(partial(waiting, number))
    third = threading.Thread(target=errands.later, args=(lambda: done.append(3),))
    third.start()
    third.join(0.05)
    assert third.is_alive(), "there is no room for it"
    door.set()
    third.join(PATIENCE)
    errands.close()
    assert done == [1, 2, 3]
    with pytest.raises(RuntimeError):
        errands.later(lambda: None)
