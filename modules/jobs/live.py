"""What is to be seen of a job at this moment: always the latest, never a backlog. Pure functions from one view to the next."""

from __future__ import annotations

from typing import NamedTuple

from modules.core.result import Cancel, Progress
from modules.jobs.job import Job, State


class Live(NamedTuple):
    """version: rises whenever anything of this view changes. preview: the latest small JPEG, None before the first and after the end;
    preview_version: the version it came with, so that a page fetches it once. ahead: jobs that run or wait before this one.
    cancel: what was asked of it; skipping: the index of the picture to be skipped. left: seconds to the end by the pace so far, None while there is none."""

    job: Job
    version: int = 0
    progress: Progress = Progress()
    preview: bytes | None = None
    preview_version: int = 0
    ahead: int = 0
    cancel: Cancel = Cancel.NONE
    left: float | None = None
    skipping: int = -1
    first_share: float = 0.0
    first_time: float | None = None


def progressed(live: Live, progress: Progress, version: int, now: float) -> Live:
    """The view after a Progress at `now`, seconds of a clock that never steps back. The pace counts from the first step, so that loading a model is not in it."""
    share, left = progress.share, None
    first_share, first_time = live.first_share, live.first_time
    if share > 0 and (first_time is None or share < first_share):
        first_share, first_time = share, now
    elif first_time is not None and share > first_share:
        left = (now - first_time) / (share - first_share) * (1 - share)
    if progress.preview is None:
        preview, preview_version = live.preview, live.preview_version
    else:
        preview, preview_version = progress.preview, version
        progress = progress._replace(preview=None)
    return live._replace(
        version=version,
        progress=progress,
        preview=preview,
        preview_version=preview_version,
        left=left,
        first_share=first_share,
        first_time=first_time,
    )


def of_finished(job: Job, version: int) -> Live:
    """The last view of a job: no preview, nothing left."""
    wanted = job.request.pictures
    made = wanted if job.state is State.DONE else len(job.pictures)
    return Live(job=job, version=version, progress=Progress(job.state.value, made, wanted), left=0.0)
