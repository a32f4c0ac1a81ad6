"""jobs.live: the latest view, the preview that stays until a newer one comes, and the time that is left."""

from __future__ import annotations

import pytest

from modules.core.request import GenerationRequest
from modules.core.result import Progress
from modules.jobs.job import Job, State
from modules.jobs.live import Live, of_finished, progressed

JOB = Job(id="a", request=GenerationRequest(count=2))


def test_a_preview_stays_until_a_newer_one_comes() -> None:
    live = progressed(Live(job=JOB), Progress("sampling", 0, 2, 1, 10, b"first"), 5, 0.0)
    live = progressed(live, Progress("sampling", 0, 2, 2, 10), 6, 1.0)
    assert (live.version, live.preview, live.preview_version) == (6, b"first", 5)
    assert live.progress == Progress("sampling", 0, 2, 2, 10)
    live = progressed(live, Progress("sampling", 0, 2, 3, 10, b"second"), 7, 2.0)
    assert (live.preview, live.preview_version) == (b"second", 7)


def test_time_left_follows_the_pace_and_leaves_loading_out() -> None:
    live = progressed(Live(job=JOB), Progress("loading", 0, 2, 0, 10), 1, 0.0)
    assert live.left is None
    live = progressed(live, Progress("sampling", 0, 2, 1, 10), 2, 100.0)
    assert live.left is None
    for step in range(2, 11):
        live = progressed(live, Progress("sampling", 0, 2, step, 10), 3, 100.0 + step - 1)
        assert live.left == pytest.approx(20 - step), "one second a step, twenty steps in all"
    live = progressed(live, Progress("sampling", 1, 2, 10, 10), 4, 119.0)
    assert live.left == pytest.approx(0)


def test_a_pace_that_starts_over_is_counted_anew() -> None:
    live = progressed(Live(job=JOB), Progress("sampling", 1, 2, 5, 10), 1, 0.0)
    live = progressed(live, Progress("sampling", 0, 2, 1, 10), 2, 50.0)
    assert live.left is None
    live = progressed(live, Progress("sampling", 0, 2, 2, 10), 3, 51.0)
    assert live.left == pytest.approx(18)


@pytest.mark.parametrize(("state", "share"), [(State.DONE, 1.0), (State.FAILED, 0.0), (State.CANCELLED, 0.0)])
def test_the_last_view(state: State, share: float) -> None:
    live = of_finished(Job(id="a", request=JOB.request, state=state), 9)
    assert (live.progress.phase, live.progress.share, live.preview, live.left, live.version) == (state.value, share, None, 0.0, 9)
