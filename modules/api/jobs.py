"""A job as /v1 shows it. Plain values for JSON; knows no HTTP."""

from __future__ import annotations

import base64
from typing import Any

from modules.core.params import to_dict
from modules.jobs.job import PictureRecord
from modules.jobs.live import Live


def as_json(live: Live, *, root: str, moving: bool = True, preview: bool = False, pictures: bool = True) -> dict[str, Any]:
    """root: what stands before the path of addresses. moving: with its place in the queue and its progress. preview: with the latest small JPEG in base64. pictures: with its request and what it finished."""
    job = live.job
    told: dict[str, Any] = {"id": job.id, "state": job.state.value, "created": job.created, "started": job.started, "finished": job.finished}
    if moving:
        now = live.progress
        progress = {"phase": now.phase, "picture": now.picture, "pictures": now.pictures, "step": now.step, "steps": now.steps, "share": now.share}
        told |= {"ahead": live.ahead, "progress": progress, "left": live.left, "cancel": live.cancel.value}
    if preview:
        told["preview"] = base64.b64encode(live.preview).decode() if live.preview else None
    if pictures:
        told |= {
            "kind": job.request.KIND,
            "request": to_dict(job.request),
            "resolved": to_dict(job.resolved) if job.resolved else None,
            "error": job.error,
            "notes": list(job.notes),
            "save": job.save,
            "pictures": [picture_as_json(record, root) for record in job.pictures],
        }
    return told


def picture_as_json(record: PictureRecord, root: str) -> dict[str, Any]:
    """url: where its file is to be had; null for one that was not saved."""
    return {
        "index": record.index,
        "seed": record.seed,
        "width": record.width,
        "height": record.height,
        "infotext": record.infotext,
        "complete": record.complete,
        "sha256": record.sha256,
        "file": record.path or None,
        "url": f"{root}/v1/pictures/{record.number}" if record.path and record.number else None,
    }
