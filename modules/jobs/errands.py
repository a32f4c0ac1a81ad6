"""What is done beside the worker's thread, so that the networks need not wait for it: pictures are encoded and saved, jobs closed. One thread, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

MOST = 3
"""Errands that are under way or wait: a file, the end of its job, and the next one's file. Each may hold a picture that is not saved yet."""


class Errands:
    """The interpreter does not end before the last one is done."""

    def __init__(self, most: int = MOST) -> None:
        self._room = threading.BoundedSemaphore(most)
        self._thread = ThreadPoolExecutor(1, "easel-errands")

    def later(self, task: Callable[[], T]) -> Future[T]:
        """As `core.making.Later`. Waits while too many others do."""
        self._room.acquire()
        try:
            done = self._thread.submit(task)
        except BaseException:
            self._room.release()
            raise
        done.add_done_callback(lambda _: self._room.release())
        return done

    def close(self) -> None:
        """Returns when all are done; takes no more."""
        self._thread.shutdown(wait=True)
