"""Long work on model files, beside the queue of pictures: each piece has a title, a share done, a word on how far it is, and can be cancelled. Knows no file.

Work of one lane happens one after the other (two merges at once would only fight for the disk); lanes do not wait for each other. A task lives as long as
the process: what it makes has its name only when it is whole, so nothing half-done is left where it ends early.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from modules.core.errors import EaselError, NotFound

logger = logging.getLogger(__name__)

State = Literal["waiting", "running", "done", "failed", "cancelled"]
LATELY = 20
"""Finished tasks that are still told of."""


class Cancelled(Exception):
    """Raised in the work by its next report."""


@dataclass
class Task:
    """kind: "merge", "convert", "download". owner: login, "" without. said: how far it is, in words; at the end what came of it. error: as `EaselError.as_dict`.
    discard: deletes what an unfinished one left to be gone on with; None where it leaves nothing."""

    id: str
    kind: str
    title: str
    owner: str = ""
    state: State = "waiting"
    share: float = 0.0
    said: str = ""
    error: dict[str, str] | None = None
    made: str = ""
    started: float = field(default_factory=time.time)
    stop: threading.Event = field(default_factory=threading.Event)
    discard: Callable[[], None] | None = None

    def report(self, share: float, said: str = "") -> None:
        """Raises Cancelled."""
        if self.stop.is_set():
            raise Cancelled
        self.share = min(max(share, 0.0), 1.0)
        if said:
            self.said = said

    def as_dict(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in ("id", "kind", "title", "state", "said", "error", "made")}
        left = self.discard is not None and self.state in ("failed", "cancelled")
        return {**told, "share": round(self.share, 4), "left": left}


Work = Callable[[Task], tuple[str, str]]
"""What is done; reports through the task. -> (what came of it, in a sentence; id of the model that was made, or "")"""


class Tasks:
    """Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._lanes: dict[str, threading.Lock] = {}
        self.version = 0

    def start(self, kind: str, title: str, work: Work, owner: str = "", lane: str = "", discard: Callable[[], None] | None = None) -> Task:
        """lane: what happens one after the other; "" for work that waits for nothing."""
        task = Task(secrets.token_hex(8), kind, title, owner, discard=discard)
        with self._lock:
            self._tasks[task.id] = task
            over = [id for id, one in self._tasks.items() if one.state in ("done", "failed", "cancelled")]
            for id in over[:-LATELY]:
                del self._tasks[id]
            held = self._lanes.setdefault(lane, threading.Lock()) if lane else threading.Lock()
        threading.Thread(target=self._run, args=(task, work, held), name=f"easel-{kind}", daemon=True).start()
        return task

    def list(self, owner: str = "") -> list[Task]:
        """Oldest first; with logins, one's own."""
        with self._lock:
            return [task for task in self._tasks.values() if not owner or task.owner in ("", owner)]

    def get(self, id: str, owner: str = "") -> Task:
        """Raises NotFound, also for another user's."""
        found = next((task for task in self.list(owner) if task.id == id), None)
        if found is None:
            raise NotFound(f"There is no work {id[:40]!r}.", "Look at the list of what is going on.", "id")
        return found

    def cancel(self, id: str, owner: str = "") -> None:
        """Raises NotFound. Nothing to a finished one."""
        self.get(id, owner).stop.set()

    def forget(self, id: str, owner: str = "") -> None:
        """A finished one is told of no more. Raises NotFound."""
        task = self.get(id, owner)
        with self._lock:
            if task.state in ("done", "failed", "cancelled"):
                self._tasks.pop(id, None)

    def discard(self, id: str, owner: str = "") -> None:
        """What an unfinished one left is deleted, and the task forgotten. Raises NotFound."""
        task = self.get(id, owner)
        if task.discard is not None and task.state in ("failed", "cancelled"):
            task.discard()
        self.forget(id, owner)

    def close(self) -> None:
        """Everything ends at its next report."""
        for task in self.list():
            task.stop.set()

    def _run(self, task: Task, work: Work, lane: threading.Lock) -> None:
        while not lane.acquire(timeout=0.2):
            if task.stop.is_set():
                task.state = "cancelled"
                return
        try:
            task.report(0.0)
            task.state = "running"
            task.said, task.made = work(task)
            task.share, task.state = 1.0, "done"
        except Cancelled:
            task.state, task.said = "cancelled", ""
        except EaselError as error:
            task.state, task.error = "failed", error.as_dict()
        except Exception as fault:
            logger.exception("work on models failed")
            what = "Memory ran out." if isinstance(fault, MemoryError) else f"A fault in Easel itself: {type(fault).__name__}."
            task.state, task.error = "failed", EaselError(what, "The window in which Easel runs shows the details.").as_dict()
        finally:
            lane.release()
