"""The line on stderr."""

from __future__ import annotations

import io

from modules.cli.progress import ProgressLine, describe
from modules.core.request import GenerationRequest
from modules.core.result import Progress
from modules.jobs.job import Job
from modules.jobs.live import Live


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def live(progress: Progress, left: float | None = None) -> Live:
    return Live(job=Job(id="1", request=GenerationRequest()), progress=progress, left=left)


def test_what_is_said() -> None:
    assert describe(live(Progress()), "Loading torch") == "Loading torch ..."
    assert describe(live(Progress("encoding", 0, 1)), "") == "encoding ..."
    halfway = describe(live(Progress("sampling", 1, 4, 10, 20), left=12.4), "")
    assert halfway == "[#########---------------]  38%  picture 2 of 4  step 10 of 20  12 s left"


def test_a_terminal_s_line_is_rewritten_and_leaves_nothing() -> None:
    stream = Terminal()
    with ProgressLine(stream) as line:
        line.show("long text")
        line.show("short")
    assert stream.getvalue() == "\rlong text\rshort    \r     \r"


def test_elsewhere_a_line_now_and_then() -> None:
    stream = io.StringIO()
    with ProgressLine(stream) as line:
        for number in range(100):
            line.show(f"step {number}")
    assert stream.getvalue() == "step 0\n"
