"""/progress, /interrupt and /skip, bound to the jobs of the caller's login.

A1111 knows one job at a time, whoever started it: anyone's /interrupt ends anyone's picture, and anyone's /progress shows it. Here a caller watches and
stops what is theirs: the running job if it is, else their first waiting one, so that a client that gave up on a queued request does not leave it behind.
Without logins all callers are one, which is A1111's behaviour.
"""

from __future__ import annotations

import base64
import time
from typing import Any

from modules.api.logins import theirs
from modules.core.result import Cancel
from modules.jobs.job import Job, State
from modules.jobs.live import Live
from modules.jobs.queue import Queue

BEGUN = 0.01
"""What A1111 reports as soon as a job runs: clients take 0 for "nothing is running"."""


class Watcher:
    """queue: whose jobs they are. Remembers by login which job was interrupted last, for `state.interrupted` stays true until the next one begins."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._interrupted: dict[str, str] = {}

    def interrupt(self, owner: str) -> None:
        """Ends the caller's job at its next step, or takes it out of the queue. Nothing when there is none."""
        job = self._job(owner)
        if job is not None:
            self._interrupted[owner] = job.id
            self._queue.cancel(job.id, Cancel.STOP)

    def skip(self, owner: str) -> None:
        """Leaves the picture that the caller's running job is at."""
        job = self._job(owner)
        if job is not None and job.state is State.RUNNING:
            self._queue.cancel(job.id, Cancel.SKIP)

    def progress(self, owner: str, picture: bool) -> dict[str, Any]:
        """A1111's answer. picture: with the latest preview, a small JPEG, in base64."""
        job = self._job(owner)
        if job is None:
            return _answer(0.0, 0.0, _state(interrupted=owner in self._interrupted), None)
        if job.state is State.QUEUED:
            waiting = sum(theirs(one, owner) for one in self._queue.jobs())
            return _answer(0.0, 0.0, _state(job=_kind(job), job_count=waiting), None)
        if self._interrupted.get(owner) != job.id:
            self._interrupted.pop(owner, None)
        return self._running(self._queue.live(job.id), picture)

    def _running(self, live: Live, picture: bool) -> dict[str, Any]:
        now, request = live.progress, live.job.request
        batches = -(-max(now.pictures, request.pictures) // request.batch_size)  # a script makes more than the request says
        state = _state(
            skipped=live.cancel is Cancel.SKIP,
            interrupted=live.cancel is Cancel.STOP,
            job=_kind(live.job),
            job_count=batches,
            job_timestamp=time.strftime("%Y%m%d%H%M%S", time.localtime(live.job.started)),
            job_no=max(min(now.picture // request.batch_size, batches - 1), 0),
            sampling_step=now.step,
            sampling_steps=now.steps or request.steps,
        )
        preview = base64.b64encode(live.preview).decode() if picture and live.preview else None
        return _answer(min(BEGUN + now.share, 1.0), live.left or 0.0, state, preview)

    def _job(self, owner: str) -> Job | None:
        """The caller's running job, else their first waiting one."""
        return next((job for job in self._queue.jobs() if theirs(job, owner)), None)


def _kind(job: Job) -> str:
    """A1111's name for what is made."""
    return "extras" if job.request.work == "extras" else f"scripts_{job.request.work}"


def _state(**told: Any) -> dict[str, Any]:
    idle = {
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
        "job": "",
        "job_count": 0,
        "job_timestamp": "0",
        "job_no": 0,
        "sampling_step": 0,
        "sampling_steps": 0,
    }
    return idle | told


def _answer(progress: float, left: float, state: dict[str, Any], picture: str | None) -> dict[str, Any]:
    return {"progress": progress, "eta_relative": left, "state": state, "current_image": picture, "textinfo": None}
