"""Notices that the process is told to end, and lets its main thread wait for that."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Ending:
    """`with Ending() as ending:` catches Ctrl+C and SIGTERM; a second one ends the process the hard way, for whoever cannot wait for the running step."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def __enter__(self) -> Ending:
        for number in self._before:
            signal.signal(number, self._tell)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()

    def wait(self, seconds: float | None = None) -> bool:
        """Until it was told, at most `seconds`; -> whether it was."""
        if seconds is not None:
            return self._told.wait(seconds)
        while not self._told.wait(0.5):  # Windows lets a signal through only between two waits
            pass
        return True

    def _tell(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        self._told.set()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
