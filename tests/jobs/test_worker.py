"""jobs.worker: whatever a job does, the next one runs; and closing is clean."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.core.errors import EaselError, OutOfMemory, Unavailable, Unsupported
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Report, Result
from modules.jobs.job import State
from modules.jobs.queue import Queue
from modules.jobs.store import Store
from modules.jobs.worker import Worker
from tests.conftest import PROJECT
from tests.jobs.conftest import PATIENCE, small, until
from tests.jobs.drawing import Drawing

SECRET = "tangerine"


class Moody(Drawing):
    """Fails in the way that the negative prompt names."""

    def run(self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, saving: object = None, user: str = "") -> Result:
        result = super().run(request, report, cancel, save)
        match request.negative_prompt:
            case "easel":
                raise OutOfMemory("The card is full.", "Make it smaller.", "width")
            case "bug":
                raise ValueError(f"cannot draw {request.prompt}")
            case "exit":
                raise SystemExit(3)
            case "keyboard":
                raise KeyboardInterrupt
            case "nonsense":
                return None  # type: ignore[return-value]
        return result


@pytest.fixture
def drawing(outputs: Path) -> Drawing:
    return Moody(outputs)


def test_a_job_from_the_queue_to_its_file(queue: Queue, worker: Worker, outputs: Path) -> None:
    worker.start()
    ticket = queue.submit(small(seed=11, count=2))
    result = ticket.result(PATIENCE)
    job = queue.get(ticket.id)
    assert job.state is State.DONE and job.created <= (job.started or 0) <= (job.finished or 0)
    assert [picture.seed for picture in job.pictures] == [11, 12]
    for picture, row in zip(result.pictures, job.pictures, strict=True):
        assert (outputs / row.path).read_bytes() == picture.data
        assert (row.width, row.height, row.infotext) == (64, 64, picture.infotext)


def test_without_saving_there_is_no_file_but_a_result_and_a_row(queue: Queue, worker: Worker, outputs: Path) -> None:
    worker.start()
    ticket = queue.submit(small(), save=False)
    assert ticket.result(PATIENCE).pictures[0].path is None
    assert queue.get(ticket.id).pictures[0].path == ""
    assert not list(outputs.rglob("*.png"))


def test_an_error_of_ours_reaches_the_ticket_and_finished_pictures_stay(queue: Queue, worker: Worker) -> None:
    worker.start()
    ticket, after = queue.submit(small(negative_prompt="easel", count=2)), queue.submit(small())
    with pytest.raises(OutOfMemory, match="The card is full") as caught:
        ticket.result(PATIENCE)
    assert caught.value.field == "width"
    job = queue.store.job(ticket.id)
    assert job.state is State.FAILED and job.error == caught.value.as_dict()
    assert len(job.pictures) == 2
    assert after.result(PATIENCE).pictures


@pytest.mark.parametrize("mood", ["bug", "exit", "nonsense"])
def test_anything_else_is_a_plain_sentence_and_a_trace_without_the_prompt(queue: Queue, worker: Worker, caplog: pytest.LogCaptureFixture, mood: str) -> None:
    worker.start()
    with caplog.at_level(logging.DEBUG):
        ticket, after = queue.submit(small(prompt=f"a {SECRET} tree", negative_prompt=mood)), queue.submit(small())
        with pytest.raises(EaselError, match="unexpected") as caught:
            ticket.result(PATIENCE)
        assert after.result(PATIENCE).pictures
    assert SECRET not in str(caught.value) and SECRET not in caplog.text
    assert ticket.id in caplog.text and "worker.py" in caplog.text
    assert caught.value.__traceback__ is None or SECRET not in str(caught.value.__context__)
    assert queue.get(ticket.id).state is State.FAILED


def test_a_keyboard_interrupt_ends_the_worker_cleanly(queue: Queue, worker: Worker) -> None:
    worker.start()
    ticket, after = queue.submit(small(negative_prompt="keyboard")), queue.submit(small())
    assert ticket.result(PATIENCE).cancelled is Cancel.STOP
    assert worker.stop(PATIENCE)
    assert queue.get(ticket.id).state is State.CANCELLED
    assert [job.id for job in queue.jobs()] == [after.id]


def test_stopping_stops_the_running_job_marks_it_and_leaves_the_rest(queue: Queue, worker: Worker, drawing: Drawing, outputs: Path) -> None:
    ticket, after = queue.submit(small(count=100)), queue.submit(small())
    worker.start()
    until(queue, lambda: len(queue.get(ticket.id).pictures) >= 1)
    assert worker.stop(PATIENCE)
    job = queue.get(ticket.id)
    assert job.state is State.CANCELLED and "Stopped because Easel was closed." in job.notes
    assert 1 <= len(job.pictures) < 100
    queue.close()
    again = Queue(Store(outputs / "history.db"))
    assert [job.id for job in again.jobs()] == [after.id]
    restarted = Worker(again, lambda: drawing)
    restarted.start()
    until(again, lambda: again.get(after.id).state is State.DONE)
    assert restarted.stop(PATIENCE)
    again.close()


def test_stopping_an_idle_or_unstarted_worker(queue: Queue, drawing: Drawing) -> None:
    idle, unstarted = Worker(queue, lambda: drawing), Worker(queue, lambda: drawing)
    idle.start()
    assert idle.stop(PATIENCE) and idle.stop(PATIENCE)
    assert unstarted.stop(PATIENCE)


def test_the_runner_is_made_once_in_the_workers_thread_and_before_any_job(queue: Queue, drawing: Drawing) -> None:
    made: list[str] = []
    ready = threading.Event()

    def make() -> Drawing:
        made.append(threading.current_thread().name)
        ready.set()
        return drawing

    worker = Worker(queue, make)
    worker.start()
    assert ready.wait(PATIENCE)
    for _ in range(3):
        queue.submit(small()).result(PATIENCE)
    assert made == ["easel-worker"]
    assert worker.stop(PATIENCE)


@pytest.mark.parametrize("trouble", [Unsupported("No such device.", "Use another."), ImportError("torch is broken"), SystemExit(1)])
def test_a_runner_that_cannot_be_made_fails_the_job_and_is_tried_again(
    queue: Queue, drawing: Drawing, trouble: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    broken = True

    def make() -> Drawing:
        if broken:
            raise trouble
        return drawing

    worker = Worker(queue, make)
    worker.start()
    with pytest.raises(EaselError):
        queue.submit(small()).result(PATIENCE)
    broken = False
    assert queue.submit(small()).result(PATIENCE).pictures
    assert worker.stop(PATIENCE)


def test_pictures_nobody_waits_for_leave_the_memory(queue: Queue, worker: Worker, drawing: Drawing) -> None:
    kept: list[weakref.ref[Picture]] = []
    inner = drawing._finished

    def watched(request: GenerationRequest, index: int, save: bool) -> Picture:
        picture = inner(request, index, save)
        kept.append(weakref.ref(picture))
        return picture

    drawing._finished = watched  # type: ignore[method-assign]
    worker.start()
    queue.submit(small(count=3))
    ticket = queue.submit(small())
    ticket.result(PATIENCE)
    queue.submit(small()).result(PATIENCE)
    gc.collect()
    assert len(kept) == 5
    assert [ref() for ref in kept] == [None] * 5


def test_many_clients_get_their_own_pictures(queue: Queue, worker: Worker) -> None:
    worker.start()
    wrong: list[int] = []

    def client(number: int) -> None:
        result = queue.submit(small(seed=1000 * number, count=2), owner=str(number)).result(PATIENCE)
        if [picture.request.seed for picture in result.pictures] != [1000 * number, 1000 * number + 1]:
            wrong.append(number)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(1, 21)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(PATIENCE)
    assert not wrong and not any(thread.is_alive() for thread in clients)
    assert len(queue.store.pictures(100)) == 40


def test_nothing_of_torch_is_imported() -> None:
    code = (
        "import sys, modules.jobs.worker, modules.core.settings; sys.exit(any(name.split('.')[0] in ('torch', 'diffusers', 'gradio') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, timeout=400).returncode == 0


def test_a_task_is_done_with_the_runner_between_two_jobs(queue: Queue, drawing: Drawing) -> None:
    worker = Worker(queue, lambda: drawing)
    drawing.gate.clear()
    worker.start()
    ticket = queue.submit(small())
    until(queue, lambda: queue.get(ticket.id).state is State.RUNNING)
    seen: list[object] = []
    done = worker.ask(seen.append)
    assert not done.done()
    drawing.gate.set()
    done.result(PATIENCE)
    assert seen == [drawing]
    assert worker.stop()


def test_what_a_task_raises_reaches_who_asked_and_nobody_else(queue: Queue, worker: Worker) -> None:
    def refuse(runner: object) -> None:
        raise Unsupported("There is nothing to load.")

    def stumble(runner: object) -> None:
        raise ValueError

    worker.start()
    with pytest.raises(Unsupported, match="nothing to load"):
        worker.ask(refuse).result(PATIENCE)
    with pytest.raises(EaselError, match="ValueError"):
        worker.ask(stumble).result(PATIENCE)
    assert queue.submit(small()).result(PATIENCE).pictures


def test_a_task_that_was_given_up_is_not_done(queue: Queue, drawing: Drawing) -> None:
    worker = Worker(queue, lambda: drawing)
    drawing.gate.clear()
    worker.start()
    ticket = queue.submit(small())
    until(queue, lambda: queue.get(ticket.id).state is State.RUNNING)
    seen: list[object] = []
    assert worker.ask(seen.append).cancel()
    drawing.gate.set()
    worker.ask(lambda runner: None).result(PATIENCE)
    assert seen == []
    assert worker.stop()


def test_without_its_thread_a_worker_takes_no_task(queue: Queue, drawing: Drawing) -> None:
    worker = Worker(queue, lambda: drawing)
    with pytest.raises(Unavailable):
        worker.ask(lambda runner: None).result(PATIENCE)
    worker.start()
    assert worker.stop()
    with pytest.raises(Unavailable):
        worker.ask(lambda runner: None).result(PATIENCE)


def test_stopping_just_before_a_job_is_taken_leaves_it_in_the_queue(queue: Queue, drawing: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()

    class Tasks(deque):
        """Looked at between the loop's check and the taking: there the stop lands."""

        def __bool__(self) -> bool:
            if not stopped.is_set():
                stopped.set()
                threading.Thread(target=worker.stop, args=(PATIENCE,)).start()
                while not worker._stopping:
                    threading.Event().wait(0.001)
            return len(self) > 0

    worker = Worker(queue, lambda: drawing)
    monkeypatch.setattr(worker, "_tasks", Tasks())
    ticket = queue.submit(small())
    worker.start()
    assert stopped.wait(PATIENCE) and worker.stop(PATIENCE)
    assert [job.id for job in queue.jobs()] == [ticket.id]
    assert queue.get(ticket.id).state is State.QUEUED


def test_a_failed_job_s_unsaved_pictures_stay_with_its_ticket(queue: Queue, worker: Worker) -> None:
    worker.start()
    ticket = queue.submit(small(negative_prompt="bug", count=2), save=False)
    with pytest.raises(EaselError):
        ticket.result(PATIENCE)
    assert [picture.index for picture in ticket.unsaved] == [0, 1]
