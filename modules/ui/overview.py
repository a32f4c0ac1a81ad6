"""What a page shows of the queue, as plain values for JSON: rows of jobs, the running one's progress, one job in full. No HTTP here."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from modules.app import App
from modules.core.errors import NotFound, OutputTrouble
from modules.jobs.job import Job, PictureRecord, State
from modules.jobs.live import Live
from modules.ui.pictures import Pictures

LATELY = 30
"""Finished jobs on the page."""
PROMPT_SHOWN = 300
"""Characters of a prompt in a row of the queue."""


def visible(job: Job, user: str) -> bool:
    """Without logins everyone sees everything; with them, one's own and what belongs to nobody."""
    return not user or job.owner in ("", user)


def resumable(job: Job) -> bool:
    """Whether a sweep was left unfinished that can be gone on with: the pictures that are there serve again."""
    return job.request.sweeps and job.state in (State.CANCELLED, State.FAILED)


class Overview:
    """app: whose queue it is. pictures: names them. The history is read again only when a job has come to its end."""

    def __init__(self, app: App, pictures: Pictures) -> None:
        self.app, self.pictures = app, pictures
        self._lately: tuple[Job, ...] = ()
        self._active: tuple[str, ...] | None = None
        self._version = -1
        self._trouble = ""

    def stale(self) -> bool:
        """Whether `refresh` should be called, in a thread, before the next answer. A job may have come and gone between two questions."""
        active = self._ids()
        return active != self._active or (not active and self.app.queue.version != self._version)

    def refresh(self) -> None:
        """Reads the history anew; touches the disk."""
        active, version = self._ids(), self.app.queue.version
        try:
            self._lately, self._trouble = tuple(self.app.store.recent(LATELY)), ""
        except OutputTrouble as trouble:  # what runs and waits can be shown all the same
            self._trouble = str(trouble)
        self._active, self._version = active, version

    def answer(self, user: str, seen_rows: str, seen_preview: int) -> dict[str, Any]:
        """What a page asks for several times a second. seen_rows, seen_preview: what it has already; that is left out."""
        active = self.app.queue.jobs()
        rows = self.rows(active, user)
        digest = hashlib.blake2s(json.dumps(rows, default=str).encode(), digest_size=8).hexdigest()
        serve = self.app.options.serve
        answer: dict[str, Any] = {
            "version": digest,
            "warmth": self.app.warmth,
            "theme": serve.theme or self.app.settings.value.theme,
            "reports": [
                *self.app.library.reports(),
                *self.app.settings.notes,
                *self.app.form_defaults.notes,
                *self.app.queue.notes,
                *self.app.extensions.notes(),
                *filter(None, [self._trouble]),
            ],
            "running": None,
        }
        if digest != seen_rows:
            answer["jobs"] = rows
        running = next((job for job in active if job.state is State.RUNNING and visible(job, user)), None)
        if running is not None:
            try:
                answer["running"] = progress(self.app.queue.live(running.id), seen_preview)
            except NotFound:  # it came to its end between the two looks
                pass
        return answer

    def _shown(self, job: Job) -> list[tuple[int, PictureRecord]]:
        """(number, picture) of those whose bytes are there."""
        return [(number, record) for number, record in enumerate(job.pictures) if self.pictures.available(job, record)]

    def _ids(self) -> tuple[str, ...]:
        return tuple(job.id for job in self.app.queue.jobs())

    def rows(self, active: Sequence[Job], user: str) -> list[dict[str, Any]]:
        """Running, then waiting in order, then the finished ones, newest first."""
        ids = {job.id for job in active}
        ahead = iter(range(len(active)))
        rows = [self.row(job, user) | {"ahead": next(ahead)} for job in active]
        return rows + [self.row(job, user) for job in self._lately if job.id not in ids and visible(job, user)]

    def row(self, job: Job, user: str) -> dict[str, Any]:
        """One line of the queue. Of another user's job only that it is there."""
        if not visible(job, user):
            return {"id": job.id, "own": False, "state": job.state.value, "prompt": "Another user's pictures", "wanted": job.request.pictures, "made": 0}
        request, shown = job.resolved or job.request, self._shown(job)
        return {
            "id": job.id,
            "own": True,
            "state": job.state.value,
            "panel": request.work,
            "prompt": request.title[:PROMPT_SHOWN],
            "details": list(request.details),
            "wanted": job.request.pictures,
            "made": len(shown),
            "finished": job.finished,
            "error": trouble(job),
            "thumb": f"jobs/{job.id}/thumbs/{shown[-1][0]}" if shown else "",
            "resumable": resumable(job),
        }

    def detail(self, job: Job, here: Callable[[], bool]) -> dict[str, Any]:
        """A job with its pictures. here(): whether the browser is on this machine, so that a folder can be shown."""
        shown, request = self._shown(job), job.resolved or job.request
        folder = bool(shown) and here()
        pictures = [
            {
                "number": number,
                "url": f"jobs/{job.id}/pictures/{number}/{quote(self.pictures.name(record))}",
                "thumb": f"jobs/{job.id}/thumbs/{number}",
                "name": self.pictures.name(record),
                "seed": str(record.seed) if request.steps else "",
                "width": record.width,
                "height": record.height,
                "infotext": record.infotext,
                "complete": record.complete,
                "composed": request.sweeps and not record.digest,
                "folder": folder and bool(record.path),
            }
            for number, record in shown
        ]
        seconds = job.finished - job.started if job.finished and job.started else None
        return {
            "id": job.id,
            "state": job.state.value,
            "wanted": job.request.pictures,
            "pictures": pictures,
            "notes": list(job.notes),
            "error": trouble(job),
            "seconds": seconds,
        }


def progress(live: Live, seen_preview: int) -> dict[str, Any]:
    """Of the running job. The preview is a data URL, and only there when the page does not have it."""
    now = live.progress
    preview = None
    if live.preview is not None and live.preview_version != seen_preview:
        preview = "data:image/jpeg;base64," + base64.b64encode(live.preview).decode()
    return {
        "id": live.job.id,
        "phase": now.phase,
        "picture": now.picture,
        "pictures": now.pictures,
        "step": now.step,
        "steps": now.steps,
        "share": round(now.share, 4),
        "left": None if live.left is None else round(live.left, 1),
        "cancel": live.cancel.value,
        "preview": preview,
        "preview_version": live.preview_version,
    }


def trouble(job: Job) -> str:
    """What went wrong and what to do, in one text; "" when nothing did."""
    if job.error is None:
        return ""
    return f"{job.error.get('detail', '')} {job.error.get('remedy', '')}".strip()
