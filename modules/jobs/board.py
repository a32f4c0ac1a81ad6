"""What is to be seen of the queue, in memory: the order, each job's latest view, the last finished ones. Looking at it never waits for the disk.

Steps are not told, they are counted (`core.result.Tally`): the board looks at the tally when somebody looks at the board.
Knows no store: whoever changes a job writes that down first and shows it here afterwards.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence

from modules.core.result import Cancel, Progress
from modules.jobs.job import Job
from modules.jobs.live import Live, of_finished, progressed
from modules.jobs.watch import Watch

FINISHED_KEPT = 200
"""Finished jobs that are still answered from memory."""


class Board:
    """watch: its version rises with every change of what is seen. Any thread may call anything."""

    def __init__(self) -> None:
        self.watch = Watch(self._caught_up)
        self._waiting: list[str] = []
        self._unfinished: dict[str, Live] = {}
        self._finished: OrderedDict[str, Live] = OrderedDict()
        self._order_version = 0

    def waiting(self) -> list[str]:
        """Ids, the next one first."""
        with self.watch.lock:
            return list(self._waiting)

    def jobs(self) -> list[Job]:
        """What runs, then what waits, in order. First the one that is drawn now: of one before it, the last files may be still on their way to the disk."""
        with self.watch.lock:
            running = [live.job for id, live in self._unfinished.items() if id not in set(self._waiting)]
            running.sort(key=lambda job: job.started or 0.0, reverse=True)
            return running + [self._unfinished[id].job for id in self._waiting]

    def live(self, id: str) -> Live | None:
        """The latest view of a job; None of one that is not here, or no more."""
        with self.watch.lock:
            self._caught_up()
            live = self._unfinished.get(id) or self._finished.get(id)
            if live is None or id not in self._waiting:
                return live
            ahead = len(self._unfinished) - len(self._waiting) + self._waiting.index(id)
            return live._replace(ahead=ahead, version=max(live.version, self._order_version))

    def line_up(self, job: Job) -> None:
        with self.watch.lock:
            self._waiting.append(job.id)
            self._unfinished[job.id] = Live(job=job, version=self._reordered(), progress=Progress(pictures=job.request.pictures))

    def reorder(self, ids: Sequence[str]) -> None:
        with self.watch.lock:
            self._waiting = list(ids)
            self._reordered()

    def start(self, job: Job) -> None:
        with self.watch.lock:
            self._waiting.remove(job.id)
            self._unfinished[job.id] = Live(job=job, version=self._reordered(), progress=Progress("starting", pictures=job.request.pictures))

    def progress(self, id: str, progress: Progress) -> None:
        """A skip ends when a later picture begins."""
        with self.watch.lock:
            if live := self._unfinished.get(id):
                over = live.cancel is Cancel.SKIP and progress.picture > live.skipping
                live = live._replace(cancel=Cancel.NONE) if over else live
                self._unfinished[id] = progressed(live, progress, self.watch.bump(), time.monotonic())

    def picture(self, job: Job, index: int) -> None:
        """The running job has one picture more; a skip of that picture came too late, or is done."""
        with self.watch.lock:
            if live := self._unfinished.get(job.id):
                over = live.cancel is Cancel.SKIP and index >= live.skipping
                self._unfinished[job.id] = live._replace(job=job, cancel=Cancel.NONE if over else live.cancel, version=self.watch.bump())

    def ask(self, id: str, how: Cancel) -> None:
        """A skip is meant for the picture that the job is at now; one that comes after a stop is too late."""
        with self.watch.lock:
            live = self._unfinished.get(id)
            if live and not (how is Cancel.SKIP and live.cancel is Cancel.STOP):
                self._unfinished[id] = live._replace(cancel=how, skipping=live.progress.picture, version=self.watch.bump())

    def asked(self, id: str) -> Cancel:
        """Without the lock: a view is replaced as a whole, and this is asked at every step."""
        live = self._unfinished.get(id)
        return live.cancel if live else Cancel.STOP

    def end(self, job: Job) -> None:
        with self.watch.lock:
            self._unfinished.pop(job.id, None)
            if job.id in self._waiting:
                self._waiting.remove(job.id)
            self._finished[job.id] = of_finished(job, self._reordered())
            while len(self._finished) > FINISHED_KEPT:
                self._finished.popitem(last=False)

    def forget(self, id: str) -> None:
        with self.watch.lock:
            self._finished.pop(id, None)
            self.watch.bump()

    def _caught_up(self) -> bool:
        """Takes over what the tallies of running jobs say by now. -> whether there are any."""
        counting = [(id, live) for id, live in self._unfinished.items() if live.progress.tally is not None]
        for id, live in counting:
            if (now := live.progress.now) is not live.progress:
                self._unfinished[id] = progressed(live, now, self.watch.bump(), time.monotonic())
        return bool(counting)

    def _reordered(self) -> int:
        self._order_version = self.watch.bump()
        return self._order_version
