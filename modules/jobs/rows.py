"""The tables of the history, and how jobs and pictures become rows of them and come back."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modules.core.errors import InvalidRequest, NotFound
from modules.core.kinds import request_of
from modules.core.limits import PROMPT_LIMIT
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.core.result import Picture
from modules.core.wish import Wish
from modules.jobs.job import Job, PictureRecord, State, Wording

MIGRATIONS = (
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        holder TEXT NOT NULL,
        state TEXT NOT NULL,
        position INTEGER NOT NULL,
        save INTEGER NOT NULL,
        created REAL NOT NULL,
        started REAL,
        finished REAL,
        request TEXT NOT NULL,
        resolved TEXT,
        error TEXT,
        notes TEXT NOT NULL
    );
    CREATE INDEX jobs_by_state ON jobs (state, position);
    CREATE TABLE pictures (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL,
        place INTEGER NOT NULL,
        path TEXT NOT NULL,
        seed TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        infotext TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        complete INTEGER NOT NULL,
        created REAL NOT NULL,
        UNIQUE (job, ordinal)
    );
    CREATE INDEX pictures_by_path ON pictures (path)
    """,
    "ALTER TABLE jobs ADD COLUMN saving TEXT NOT NULL DEFAULT '{}'",
    """
    ALTER TABLE pictures ADD COLUMN digest TEXT NOT NULL DEFAULT '';
    CREATE INDEX pictures_by_digest ON pictures (digest)
    """,
    "ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'generation'",
)
"""Statements end with a semicolon, and hold none. A further entry leads from the version before it; never change one that was released.
A seed is text: counted up from the largest one it leaves SQLite's 64 bits."""


def write_job(rows: sqlite3.Connection, job: Job, holder: str, position: int) -> None:
    """Adds the job, or brings its row up to date; its position stays then."""
    values = {
        "id": job.id,
        "owner": storable(job.owner),
        "holder": holder,
        "state": job.state.value,
        "position": position,
        "save": job.save,
        "saving": json.dumps(dict(job.saving)),
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "kind": job.request.KIND,
        "request": json.dumps(to_dict(job.request)),
        "resolved": json.dumps(to_dict(job.resolved)) if job.resolved else None,
        "error": json.dumps(job.error) if job.error else None,
        "notes": json.dumps(job.notes),
    }
    changing = ("holder", "state", "started", "finished", "resolved", "error", "notes")
    rows.execute(
        f"INSERT INTO jobs ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})"
        f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in changing)}",
        values,
    )


def write_picture(rows: sqlite3.Connection, job: str, ordinal: int, record: PictureRecord) -> int:
    """Adds picture `ordinal` of a job unless it is there; returns its number."""
    values = {
        "job": job,
        "ordinal": ordinal,
        "place": record.index,
        "path": storable(record.path),
        "seed": str(record.seed),
        "width": record.width,
        "height": record.height,
        "infotext": storable(record.infotext),
        "sha256": record.sha256,
        "complete": record.complete,
        "digest": record.digest,
        "created": record.created,
    }
    rows.execute(
        f"INSERT INTO pictures ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)}) ON CONFLICT (job, ordinal) DO NOTHING", values
    )
    (number,) = rows.execute("SELECT number FROM pictures WHERE job = ? AND ordinal = ?", (job, ordinal)).fetchone()
    return int(number)


def read_jobs(rows: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Job]:
    """The jobs that a condition (with its order and limit) selects, with their pictures. A request that is of another version is marked by a note."""
    found = rows.execute(f"SELECT * FROM jobs WHERE {where}", values).fetchall()
    pictures: dict[str, list[PictureRecord]] = {row["id"]: [] for row in found}
    for row in rows.execute(f"SELECT * FROM pictures WHERE job IN (SELECT id FROM jobs WHERE {where}) ORDER BY ordinal", values):
        pictures[row["job"]].append(read_picture(row))
    return [_job(row, pictures[row["id"]]) for row in found]


def record_of(picture: Picture, folder: Path) -> PictureRecord:
    """The row of a picture as an engine reports it. folder: of the outputs."""
    try:
        sha256 = picture.sha256 or hashlib.sha256(picture.data).hexdigest()
    except NotFound:  # somebody was quicker and took the file away
        sha256 = ""
    return PictureRecord(
        path="" if picture.path is None else path_of(picture.path, folder),
        seed=picture.request.seed,
        width=picture.width,
        height=picture.height,
        infotext=picture.infotext,
        index=picture.index,
        sha256=sha256,
        complete=picture.complete,
        digest=picture.digest,
        created=time.time(),
    )


def path_of(path: Path, folder: Path) -> str:
    """A picture's place as a record names it."""
    absolute, root = path.resolve(), folder.resolve()
    return (absolute.relative_to(root) if absolute.is_relative_to(root) else absolute).as_posix()


def read_picture(row: sqlite3.Row) -> PictureRecord:
    plain = {name: row[name] for name in ("job", "number", "path", "width", "height", "infotext", "sha256", "digest", "created")}
    return PictureRecord(**plain, index=row["place"], seed=int(row["seed"]), complete=bool(row["complete"]))


def read_wording(request: str) -> Wording:
    """Out of a stored request, of whatever version of Easel; empty when there is none in it."""
    try:
        tree: Any = json.loads(request)
    except (ValueError, RecursionError):
        tree = None
    if not isinstance(tree, dict):
        return Wording("")
    prompt, negative, styles = (tree.get(name) for name in ("prompt", "negative_prompt", "styles"))
    names = tuple(name for name in styles if isinstance(name, str)) if isinstance(styles, list) else ()
    return Wording(prompt if isinstance(prompt, str) else "", negative if isinstance(negative, str) else "", names)


def _job(row: sqlite3.Row, pictures: Sequence[PictureRecord]) -> Job:
    request, note = _request(row["kind"], row["request"])
    resolved = _request(row["kind"], row["resolved"])[0] if row["resolved"] else None
    notes = (*json.loads(row["notes"]), *([note] if note else []))
    error = json.loads(row["error"]) if row["error"] else None
    if note and row["state"] == State.QUEUED.value:
        error = InvalidRequest(note, "Submit it again.").as_dict()
    plain = {name: row[name] for name in ("id", "owner", "created", "started", "finished")}
    state, save = State(row["state"]), bool(row["save"])
    return Job(
        **plain,
        state=state,
        save=save,
        saving=json.loads(row["saving"]),
        request=request,
        resolved=resolved,
        error=error,
        notes=notes,
        pictures=tuple(pictures),
    )


def _request(kind: str, text: str) -> tuple[Wish, str]:
    """A stored request; one of another version of Easel that this one cannot read keeps its prompt, and the note says so."""
    tree: Any = None
    try:
        tree = json.loads(text)
        return request_of(kind, tree), ""
    except (InvalidRequest, ValueError) as error:
        prompt = str(tree.get("prompt", ""))[:PROMPT_LIMIT] if isinstance(tree, dict) else ""
        return GenerationRequest(prompt=prompt), f"This job was written by another version of Easel and cannot be read whole: {error}"


def storable(text: str) -> str:
    """Without the lone surrogates that SQLite refuses."""
    return text.encode("utf-8", "replace").decode()
