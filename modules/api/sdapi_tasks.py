"""/internal/progress and /internal/pending-tasks: A1111's page and some clients follow a job by a name of their own, sent as `force_task_id`.

Names belong to the login that gave them, so nobody follows another one's job by guessing.
"""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from typing import Any

from pydantic import BaseModel, ConfigDict

from modules.api.logins import theirs
from modules.core.errors import EaselError
from modules.jobs.job import State
from modules.jobs.live import Live
from modules.jobs.queue import Queue

REMEMBERED = 10_000


class ProgressBody(BaseModel):
    """id_task: as sent in `force_task_id`. id_live_preview: of the last preview that was shown; live_preview: whether a newer one is wanted."""

    model_config = ConfigDict(extra="ignore")
    id_task: str = ""
    id_live_preview: int = -1
    live_preview: bool = True


class Tasks:
    """queue: whose jobs are named."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._jobs: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, owner: str, task: str, job: str) -> None:
        """The job that a task name stands for from now on; without a name nothing. The oldest names are forgotten."""
        if not task:
            return
        with self._lock:
            self._jobs.pop((owner, task[:400]), None)
            self._jobs[owner, task[:400]] = job
            while len(self._jobs) > REMEMBERED:
                self._jobs.popitem(last=False)

    def progress(self, owner: str, asked: ProgressBody) -> dict[str, Any]:
        """A1111's answer: where a task stands, or that it is not known."""
        live = self._live(owner, asked.id_task)
        if live is None:
            return _told(textinfo="Waiting...")
        if live.job.state is State.QUEUED:
            return _told(queued=True, textinfo=f"In queue: {live.ahead + 1}/{len(self._queue.jobs())}")
        if live.job.state.finished:
            return _told(completed=True, textinfo="Waiting...")
        share = live.progress.share
        shown = asked.live_preview and live.preview and live.preview_version != asked.id_live_preview
        preview = "data:image/jpeg;base64," + base64.b64encode(live.preview or b"").decode() if shown else None
        version = live.preview_version if live.preview else -1
        return _told(active=True, progress=share, eta=live.left, live_preview=preview, id_live_preview=version)

    def pending(self, owner: str) -> dict[str, Any]:
        """The names of this login's tasks that wait or run."""
        at_work = {job.id for job in self._queue.jobs() if theirs(job, owner)}
        with self._lock:
            names = [task for (login, task), job in self._jobs.items() if login == owner and job in at_work]
        return {"size": len(names), "tasks": names}

    def _live(self, owner: str, task: str) -> Live | None:
        job = self._jobs.get((owner, task[:400]))
        try:
            return self._queue.live(job) if job else None
        except EaselError:  # deleted from the history since
            return None


def _told(**told: Any) -> dict[str, Any]:
    idle = {"active": False, "queued": False, "completed": False, "progress": None, "eta": None, "live_preview": None, "id_live_preview": -1, "textinfo": None}
    return idle | told
