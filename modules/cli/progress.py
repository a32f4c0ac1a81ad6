"""How far a job is, on stderr: one line that is rewritten on a terminal, a line now and then elsewhere. Also the way a command waits for its job."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from modules.app import App
from modules.core.result import Cancel, Result
from modules.jobs.job import PictureRecord
from modules.jobs.live import Live
from modules.jobs.ticket import Ticket

BAR = 24
QUIET_SECONDS = 5.0
"""Between two lines where the line cannot be rewritten."""


class ProgressLine:
    """Leaves nothing behind on a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._rewrites = self._stream.isatty()
        self._shown = ""
        self._time = 0.0

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()

    def show(self, text: str) -> None:
        now = time.monotonic()
        if text == self._shown or not self._rewrites and now - self._time < QUIET_SECONDS and self._shown:
            return
        blank = " " * (len(self._shown) - len(text))
        self._stream.write(f"\r{text}{blank}" if self._rewrites else f"{text}\n")
        self._stream.flush()
        self._shown, self._time = text, now

    def clear(self) -> None:
        if self._rewrites and self._shown:
            self._stream.write("\r" + " " * len(self._shown) + "\r")
            self._stream.flush()
        self._shown = ""


def describe(live: Live, warmth: str) -> str:
    """warmth: what the engine still loads, "" when it is ready."""
    if warmth:
        return f"{warmth} ..."
    progress = live.progress
    picture = f"picture {min(progress.picture + 1, progress.pictures)} of {progress.pictures}" if progress.pictures > 1 else ""
    if not progress.step:
        return "  ".join(filter(None, (f"{progress.phase} ...", picture)))
    done = int(BAR * progress.share)
    parts = [
        f"[{'#' * done}{'-' * (BAR - done)}] {progress.share:4.0%}",
        *filter(None, [picture]),
        f"step {progress.step} of {progress.steps}",
        *filter(None, [progress.note]),
    ]
    if live.left:
        parts.append(f"{live.left:.0f} s left")
    return "  ".join(parts)


def wait_for(app: App, ticket: Ticket, made: Callable[[PictureRecord], None] = lambda record: None) -> Result:
    """The result of a job, with its progress shown meanwhile. made: told of each picture as soon as it is safe.
    Ctrl+C stops the job at its next step; the result then holds what was finished. Pressed twice, it raises. Raises the job's EaselError."""
    told, interrupted = 0, False
    with ProgressLine() as line:
        while True:
            try:
                version = app.queue.version
                done = ticket.done  # asked first: then the view holds every picture
                live = app.queue.live(ticket.id)
                for record in live.job.pictures[told:]:
                    line.clear()
                    made(record)
                    told += 1
                if done:
                    break
                line.show("Stopping at the next step ..." if interrupted else describe(live, app.warmth))
                app.queue.wait(version, 0.5)
            except KeyboardInterrupt:
                if interrupted:
                    raise
                interrupted = True
                app.queue.cancel(ticket.id, Cancel.STOP)
    result = ticket.result()
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr, flush=True)
    return result
