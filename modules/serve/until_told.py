"""Waits in the main thread until the process is told to end."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def until_told() -> None:
    """Returns at Ctrl+C or SIGTERM; a second one ends the process the hard way, for whoever cannot wait for the running step."""
    told = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def tell(number: int, frame: FrameType | None) -> None:
        for each, handler in before.items():
            signal.signal(each, handler)
        told.set()

    for number in before:
        signal.signal(number, tell)
    while not told.wait(0.5):  # Windows lets a signal through only between two waits
        pass
