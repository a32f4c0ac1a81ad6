"""How far a piece of work is, on one line of stderr that is written over; on a pipe nothing until it is done. Knows no work."""

from __future__ import annotations

import sys
import time

PACE = 0.2


class Line:
    """Called with a share from 0 to 1."""

    def __init__(self, title: str) -> None:
        self._title, self._last, self._shown = title, 0.0, sys.stderr.isatty()

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if self._shown and (now - self._last > PACE or share >= 1):
            self._last = now
            print(f"\r{self._title}: {share:4.0%}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)
