"""A version number that rises with every change, and ways to wait until it does: for threads, and for coroutines without a thread each."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable


class Watch:
    """lock: of what it watches over; `bump` is called inside. Observers ask for the version, look, and wait for another one:
    a change between the look and the wait is not missed, and ten changes wake once."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._condition = threading.Condition(self.lock)
        self._version = 0
        self._sleepers = 0
        self._listeners: set[Callable[[], None]] = set()

    @property
    def version(self) -> int:
        return self._version

    def bump(self) -> int:
        """Something changed; returns the new version."""
        with self.lock:
            self._version += 1
            if self._sleepers:  # a step of a sampler comes by here, and most have nobody to wake
                self._condition.notify_all()
            for listener in self._listeners:
                listener()
            return self._version

    def wait(self, version: int, timeout: float | None = None) -> int:
        """Blocks until the version is another than this one, or `timeout` seconds are over; returns the version then."""
        with self._condition:
            self._sleepers += 1
            try:
                self._condition.wait_for(lambda: self._version != version, timeout)
            finally:
                self._sleepers -= 1
            return self._version

    async def wait_async(self, version: int, timeout: float | None = None) -> int:
        """Like wait, for a coroutine."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed while its coroutine still waited
                loop.call_soon_threadsafe(changed.set)

        with self._condition:
            if self._version != version:
                return self._version
            self._listeners.add(wake)
        try:
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(changed.wait(), timeout)
        finally:
            with self._condition:
                self._listeners.discard(wake)
        return self._version
