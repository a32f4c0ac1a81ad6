"""What a submitter holds until its pictures are there. Results with their bytes are kept for those who come for them, and for nobody else."""

from __future__ import annotations

import threading
import weakref

from modules.core.errors import EaselError, Unavailable
from modules.core.result import Picture, Result
from modules.jobs.watch import Watch

KEPT_BYTES = 512 * 2**20
"""Of results that nobody is waiting for at the moment."""

Outcome = Result | EaselError


class Ticket:
    """The claim on one job's result. It can be taken once; the memory is free after that, or when the ticket is forgotten."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.waiting = 0
        self._watch = Watch()
        self._outcome: Outcome | None = None
        self._unsaved: tuple[Picture, ...] = ()

    @property
    def done(self) -> bool:
        """Whether `result` answers at once."""
        return self._watch.version > 0

    @property
    def unsaved(self) -> tuple[Picture, ...]:
        """Of a job that failed: what it had made and what is no file."""
        return self._unsaved

    @property
    def size(self) -> int:
        """Bytes of the pictures that wait to be taken."""
        with self._watch.lock:
            pictures = self._outcome.pictures if isinstance(self._outcome, Result) else self._unsaved
            return sum(len(picture.held) for picture in pictures)

    def result(self, timeout: float | None = None) -> Result:
        """The job's result. Raises the EaselError by which it failed, or TimeoutError after `timeout` seconds; a job that was cancelled
        gives what it had finished, with `cancelled` set."""
        with self._watch.lock:
            self.waiting += 1
        try:
            self._watch.wait(0, timeout)
            return self._take()
        finally:
            with self._watch.lock:
                self.waiting -= 1

    async def result_async(self, timeout: float | None = None) -> Result:
        """Like result, for a coroutine."""
        with self._watch.lock:
            self.waiting += 1
        try:
            await self._watch.wait_async(0, timeout)
            return self._take()
        finally:
            with self._watch.lock:
                self.waiting -= 1

    def keep(self, picture: Picture) -> None:
        """For the queue: the job made a picture that is no file, and may still fail."""
        with self._watch.lock:
            if not self.done:
                self._unsaved += (picture,)

    def settle(self, outcome: Outcome) -> None:
        """For the queue: the job is over."""
        with self._watch.lock:
            self._outcome = outcome
            if isinstance(outcome, Result):  # they are in it
                self._unsaved = ()
            self._watch.bump()

    def drop(self) -> None:
        """For the queue: too much is waiting to be taken."""
        with self._watch.lock:
            self._unsaved = ()
            if isinstance(self._outcome, Result):
                what = f"The pictures of job {self.id} were let go: too many finished ones waited to be fetched."
                self._outcome = Unavailable(what, "Those that were saved are in the history.")

    def _take(self) -> Result:
        with self._watch.lock:
            outcome = self._outcome
            if not self.done:
                raise TimeoutError(f"job {self.id} is not finished yet")
            if isinstance(outcome, Result):
                self._outcome = None
                return outcome
        if outcome is None:
            raise EaselError(f"The result of job {self.id} was taken already.", "Its saved pictures are in the history.")
        raise outcome


class Tickets:
    """The open tickets by job id, held weakly: one that its submitter forgot costs nothing. limit: bytes of results that wait to be taken."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: weakref.WeakValueDictionary[str, Ticket] = weakref.WeakValueDictionary()
        self._kept: dict[str, weakref.ref[Ticket]] = {}

    def issue(self, id: str) -> Ticket:
        ticket = Ticket(id)
        with self._lock:
            self._open[id] = ticket
        return ticket

    def keep(self, id: str, picture: Picture) -> None:
        with self._lock:
            if ticket := self._open.get(id):
                ticket.keep(picture)

    def settle(self, id: str, outcome: Outcome) -> None:
        with self._lock:
            ticket = self._open.pop(id, None)
            if ticket is None:
                return
            ticket.settle(outcome)
            if isinstance(outcome, Result) or ticket.unsaved:
                self._kept[id] = weakref.ref(ticket)
                self._make_room(ticket)

    def settle_all(self, outcome: EaselError) -> None:
        with self._lock:
            ids = list(self._open.keys())
        for id in ids:
            self.settle(id, outcome)

    def _make_room(self, newest: Ticket) -> None:
        """Lets go of the oldest results beyond the limit, but of none that somebody is about to take."""
        held = {id: (ticket, size) for id, kept in self._kept.items() if (ticket := kept()) is not None and (size := ticket.size)}
        excess = sum(size for _, size in held.values()) - self._limit
        for id, (ticket, size) in list(held.items()):
            if excess > 0 and not ticket.waiting and ticket is not newest:
                ticket.drop()
                excess -= size
                del held[id]
        self._kept = {id: self._kept[id] for id in held}
