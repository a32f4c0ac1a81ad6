"""The one order of things: jobs that wait, the one that runs, and their way into the history.

What changes is written to the store first and shown on the board afterwards, so that nobody sees what a crash could take back.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from modules.core.errors import EaselError, InvalidRequest, OutputTrouble, Unavailable
from modules.core.kinds import request_of
from modules.core.params import to_dict
from modules.core.result import Cancel, Picture, Result
from modules.core.wish import Wish
from modules.jobs.board import Board
from modules.jobs.job import Job, State
from modules.jobs.live import Live, of_finished
from modules.jobs.rows import record_of
from modules.jobs.store import INTERRUPTED, Store
from modules.jobs.ticket import Ticket, Tickets

CLOSED = Unavailable("Easel was closed before this job was done.", "If it was waiting, it runs at the next start.")

logger = logging.getLogger(__name__)


class Queue:
    """store: where it all is written. resume: take up what a dead process left waiting (a server does, a single command does not).
    Any thread may call anything."""

    def __init__(self, store: Store, resume: bool = True) -> None:
        self.store = store
        self._resume = resume
        self._begun = False
        self._closed = False
        self._board = Board()
        self.progress = self._board.progress
        """(id, progress): the latest of the running job, from its worker."""
        self.asked = self._board.asked
        """(id): what the running job was asked for."""
        self._tickets = Tickets()
        self._changing = threading.RLock()
        self._behind: dict[str, Job] = {}
        self._notes: list[str] = []
        try:
            self._begin()
        except OutputTrouble as trouble:
            self._notes.append(str(trouble))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the start, one sentence each."""
        return (*self.store.notes, *self._notes)

    def submit(self, request: Wish, *, owner: str = "", save: bool = True, saving: Mapping[str, Any] | None = None) -> Ticket:
        """A job behind all others. Raises InvalidRequest, or OutputTrouble when it cannot be written down; there is no job then."""
        request = request_of(request.KIND, to_dict(request))
        job = Job(id=secrets.token_hex(8), request=request, owner=owner, save=save, saving=saving or {}, created=time.time())
        with self._changing:
            if self._closed:
                raise Unavailable("Easel is closing and takes no more jobs.", "Start it again.")
            self._begin()
            self.store.add(job)
            ticket = self._tickets.issue(job.id)
            self._board.line_up(job)
        return ticket

    def cancel(self, id: str, how: Cancel = Cancel.STOP) -> None:
        """stop: a waiting job leaves the queue, the running one ends at its next step. skip: the running one leaves the picture it is at;
        nothing to a waiting one. none: takes back what the running one was asked for. Nothing to a finished one. Raises NotFound, OutputTrouble."""
        with self._changing:
            job = self.get(id)
            if job.state is State.RUNNING:
                self._board.ask(id, how)
            elif job.state is State.QUEUED and how is Cancel.STOP and self._board.live(id):
                job = dataclasses.replace(job, state=State.CANCELLED, finished=time.time())
                self.store.put([job])
                self._end(job, Result(request=job.request, cancelled=Cancel.STOP))

    def move(self, id: str, position: int) -> None:
        """Puts a waiting job at a place among those that wait, 0 being next; too large means last. Raises NotFound, InvalidRequest, OutputTrouble."""
        with self._changing:
            order = self._board.waiting()
            if id not in order:
                self.get(id)
                raise InvalidRequest(f"Job {id} does not wait any more.", "Only waiting jobs can be moved.", "id")
            order.remove(id)
            order.insert(max(0, position), id)
            self.store.order(order)
            self._board.reorder(order)

    def jobs(self, owner: str | None = None) -> list[Job]:
        """What runs, then what waits, in order: all of them, or those of one owner."""
        return [job for job in self._board.jobs() if owner is None or job.owner == owner]

    def get(self, id: str) -> Job:
        """Any job, also of the history. Raises NotFound, OutputTrouble."""
        live = self._board.live(id)
        return live.job if live else self.store.job(id)

    def live(self, id: str) -> Live:
        """What is to be seen of a job now; of a finished one its end. Raises NotFound, OutputTrouble."""
        version = self._board.watch.version
        return self._board.live(id) or of_finished(self.store.job(id), version)

    @property
    def version(self) -> int:
        """Rises with every change of any job."""
        return self._board.watch.version

    def wait(self, version: int, timeout: float | None = None) -> int:
        """Blocks until something has changed since this version, at most `timeout` seconds; returns the version now."""
        return self._board.watch.wait(version, timeout)

    async def wait_async(self, version: int, timeout: float | None = None) -> int:
        """Like wait, for a coroutine; it holds no thread."""
        return await self._board.watch.wait_async(version, timeout)

    def delete(self, id: str) -> None:
        """Takes a finished job out of the history; its files stay. Raises NotFound, InvalidRequest, OutputTrouble."""
        with self._changing:
            if not self.get(id).state.finished:
                raise InvalidRequest(f"Job {id} is not finished.", "Cancel it first.", "id")
            self.store.delete(id)
            self._board.forget(id)

    def close(self) -> None:
        """Whoever still waits for a result is told; the waiting jobs stay in the store for the next start."""
        with self._changing:
            self._closed = True
            self._tickets.settle_all(CLOSED)
            self.store.close()
            self.wake()

    # For the worker.

    def wake(self) -> None:
        """Lets whoever waits look again."""
        self._board.watch.bump()

    def take(self) -> Job | None:
        """The next job, now running, or None when none waits."""
        with self._changing:
            waiting = self._board.waiting()
            if self._closed or not waiting:
                return None
            job = dataclasses.replace(self.get(waiting[0]), state=State.RUNNING, started=time.time())
            self._write(job, flushed=False)  # after a power cut it would wait again, and lose nothing
            self._board.start(job)
            return job

    def picture(self, id: str, picture: Picture) -> None:
        """A finished picture of the running job. A history that cannot be written does not end the run: the rows follow when it can."""
        record = record_of(picture, self.store.folder)
        with self._changing:
            job = self.get(id)
            try:
                record = self.store.add_picture(id, len(job.pictures), record)
            except OutputTrouble as trouble:
                logger.warning("%s", trouble)
                record = dataclasses.replace(record, job=id)
            job = dataclasses.replace(job, pictures=(*job.pictures, record))
            if not record.number:
                self._behind[id] = job
            self._board.picture(job, picture.index)
        if picture.path is None:
            self._tickets.keep(id, picture)

    def finish(self, id: str, outcome: Result | EaselError, note: str = "") -> None:
        """The running job is over: with what it made, or with what went wrong."""
        with self._changing:
            job = dataclasses.replace(self.get(id), finished=time.time())
            notes = (*job.notes, note) if note else job.notes
            if isinstance(outcome, EaselError):
                job = dataclasses.replace(job, state=State.FAILED, error=outcome.as_dict(), notes=notes)
            else:
                state = State.CANCELLED if outcome.cancelled is Cancel.STOP else State.DONE
                job = dataclasses.replace(job, state=state, resolved=outcome.request, notes=(*outcome.notes, *notes))
            self._write(job)
            self._end(job, outcome)

    def _begin(self) -> None:
        """Reads what the last start left; again at the next submit when the disk refused."""
        if self._begun:
            return
        waiting = self.store.take_over(self._resume)
        self._begun = True
        for job in waiting:
            if job.error is None and job.save:
                self._board.line_up(job)
            else:  # cannot be read; or it makes no files, and whoever was to receive its pictures is gone
                self._write(dataclasses.replace(job, state=State.FAILED, finished=time.time(), error=job.error or INTERRUPTED.as_dict()))

    def _end(self, job: Job, outcome: Result | EaselError) -> None:
        self._board.end(job)
        self._tickets.settle(job.id, outcome)

    def _write(self, job: Job, flushed: bool = True) -> None:
        """Writes a job, and before it what could not be written earlier."""
        self._behind[job.id] = job
        try:
            self.store.put(self._behind.values(), flushed or len(self._behind) > 1)
            self._behind.clear()
        except OutputTrouble as trouble:
            logger.warning("%s", trouble)
