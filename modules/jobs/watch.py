"""A version number that rises with every change, and ways to wait until it does: for threads, and for coroutines without a thread each."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

BEAT = 0.1
"""Seconds between two looks at what changes without telling, while somebody waits."""


class Watch:
    """lock: of what it watches over; `bump` is called inside. Observers ask for the version, look, and wait for another one:
    a change between the look and the wait is not missed, and ten changes wake once.
    look: called inside the lock; bumps for what has changed in silence, and says whether there is such a thing at all."""

    def __init__(self, look: Callable[[], bool] = lambda: False) -> None:
        self.lock = threading.RLock()
        self._look = look
        self._condition = threading.Condition(self.lock)
        self._version = 0
        self._listeners: set[Callable[[], None]] = set()

    @property
    def version(self) -> int:
        return self._version

    def bump(self) -> int:
        """Something changed; returns the new version."""
        with self.lock:
            self._version += 1
            self._condition.notify_all()
            for listener in self._listeners:
                listener()
            return self._version

    def wait(self, version: int, timeout: float | None = None) -> int:
        """Blocks until the version is another than this one, or `timeout` seconds are over; returns the version then."""
        end = _end(timeout)
        with self._condition:
            while (rest := self._rest(version, end)) != 0:
                self._condition.wait(rest)
            return self._version

    async def wait_async(self, version: int, timeout: float | None = None) -> int:
        """Like wait, for a coroutine."""
        end = _end(timeout)
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed while its coroutine still waited
                loop.call_soon_threadsafe(changed.set)

        with self.lock:
            rest = self._rest(version, end)
            self._listeners.add(wake)
        try:
            while rest != 0:
                with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), rest)
                with self.lock:
                    rest = self._rest(version, end)
        finally:
            with self.lock:
                self._listeners.discard(wake)
        return self._version

    def _rest(self, version: int, end: float | None) -> float | None:
        """Seconds to sleep before the next look, None for as long as nobody wakes; 0 when there is nothing to wait for."""
        counting = self._version == version and self._look()
        if self._version != version:
            return 0.0
        left = None if end is None else max(end - time.monotonic(), 0.0)
        return left if not counting else BEAT if left is None else min(BEAT, left)


def _end(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
