"""The thread that runs jobs, one after the other, with a runner that only it touches. Whatever a job does, the thread goes on.

Files are another thread's matter (`jobs.errands`): while a job's last picture is saved, the next job is drawn.

The runner is made in the thread too, so that what it imports (torch) is loaded while the page already answers.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from modules.core.errors import EaselError, Unavailable
from modules.core.making import finished
from modules.core.result import Cancel, Picture, Progress, Result
from modules.jobs.errands import Errands
from modules.jobs.fault import trace
from modules.jobs.job import Job
from modules.jobs.queue import Queue
from modules.jobs.runner import Runner

CLOSED = "Stopped because Easel was closed."

T = TypeVar("T")

Outcome = Result | EaselError
Left = Callable[[], Result]
"""What remains of a job that was drawn."""

logger = logging.getLogger(__name__)


class Worker:
    """make_runner: called in the thread as soon as it starts, and again before the next job should it fail."""

    def __init__(self, queue: Queue, make_runner: Callable[[], Runner]) -> None:
        self._queue = queue
        self._make_runner = make_runner
        self._runner: Runner | None = None
        self._stopping = False
        self._taking = threading.Lock()
        self._tasks: deque[tuple[Callable[[Runner], Any], Future[Any]]] = deque()
        self._errands = Errands()
        self._thread = threading.Thread(target=self._work, name="easel-worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """Asks the running job to stop and waits for it; the jobs behind it stay in the queue. Returns whether the thread ended within `timeout` seconds."""
        with self._taking:
            self._stopping = True
        self._queue.wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def ask(self, task: Callable[[Runner], T]) -> Future[T]:
        """Has something done with the runner in its own thread, between two jobs. -> what the task gives. The future raises what the task raises, Unavailable
        when the worker ends first."""
        done: Future[T] = Future()
        self._tasks.append((task, done))
        self._queue.wake()
        if self._stopping or not self._thread.is_alive():
            self._refuse_tasks()
        return done

    def _work(self) -> None:
        try:
            self._ready()
        except EaselError:
            pass  # told to the first job that needs it
        while not self._stopping:
            version = self._queue.version
            self._do_tasks()
            with self._taking:  # `stop` comes before a job is taken, which then stays in the queue, or while it runs
                job = None if self._stopping else self._queue.take()
            if job is None:
                self._queue.wait(version)
            else:
                self._run(job)
        self._errands.close()
        self._refuse_tasks()

    def _do_tasks(self) -> None:
        while (waiting := self._next_task()) is not None:
            task, done = waiting
            try:
                done.set_result(task(self._ready()))
            except EaselError as error:
                done.set_exception(_bare(error))
            except BaseException as error:
                logger.error("A task between two jobs failed unexpectedly.\n%s", trace(error))
                done.set_exception(_unexpected(error))

    def _refuse_tasks(self) -> None:
        while (waiting := self._next_task()) is not None:
            waiting[1].set_exception(Unavailable("Easel is just starting, or closing.", "Ask again in a moment."))

    def _next_task(self) -> tuple[Callable[[Runner], Any], Future[Any]] | None:
        """The oldest that nobody has given up."""
        while self._tasks:
            try:
                task, done = self._tasks.popleft()
            except IndexError:  # another thread was faster
                return None
            if done.set_running_or_notify_cancel():
                return task, done
        return None

    def _run(self, job: Job) -> None:
        """Draws. What is left when the networks are needed no more is an errand, behind the job's pictures."""
        left = self._tried(job, lambda: self._drawn(job))
        self._errands.later(lambda: self._close(job, left))

    def _close(self, job: Job, left: Left | Outcome) -> None:
        outcome = self._tried(job, left) if callable(left) else left
        closed = self._stopping and isinstance(outcome, Result) and outcome.cancelled is Cancel.STOP
        try:
            self._queue.finish(job.id, outcome, CLOSED if closed else "")
        except Exception as error:
            logger.error("Job %s could not be closed.\n%s", job.id, trace(error, job.request))
            self._queue.finish(job.id, _unexpected(error))

    def _drawn(self, job: Job) -> Left:
        """-> what is left to be done of it. Raises whatever the runner raises."""

        def report(event: Progress | Picture) -> None:
            if isinstance(event, Picture):
                self._queue.picture(job.id, event)
            else:
                self._queue.progress(job.id, event)

        def cancel() -> Cancel:
            return Cancel.STOP if self._stopping else self._queue.asked(job.id)

        making = self._ready().making(job.request, report, cancel, job.save, job.saving, job.owner, self._errands.later)
        try:
            next(making)
        except StopIteration as end:
            result = end.value
            return lambda: result
        return lambda: finished(making)

    def _tried(self, job: Job, work: Callable[[], T]) -> T | Outcome:
        try:
            return work()
        except EaselError as error:
            return _bare(error)
        except KeyboardInterrupt:
            self._stopping = True
            return Result(request=job.request, cancelled=Cancel.STOP)
        except BaseException as error:
            logger.error("Job %s failed unexpectedly.\n%s", job.id, trace(error, job.request))
            return _unexpected(error)

    def _ready(self) -> Runner:
        """Raises EaselError when the runner cannot be made."""
        if self._runner is None:
            try:
                self._runner = self._make_runner()
            except EaselError:
                raise
            except BaseException as error:  # a library may call sys.exit; this thread must not end by it
                logger.error("The engine could not be started.\n%s", trace(error))
                what = f"The engine could not be started ({type(error).__name__})."
                raise Unavailable(what, "The log says more; `python launch.py doctor` checks what is installed.") from None
        return self._runner


def _unexpected(error: BaseException) -> EaselError:
    what = f"Something unexpected went wrong while the picture was made ({type(error).__name__})."
    return EaselError(what, "The log says where; the next job is not affected.")


def _bare(error: EaselError) -> EaselError:
    """Without the frames that a trace keeps alive, and the tensors in them."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
