"""The history: every job and every picture as rows, written before anybody is told of them.

Several processes may share the file. Each row names the process that holds the job (see `presence`), and only jobs of dead ones are taken over.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from modules.core.blobs import REFERENCE
from modules.core.errors import EaselError, NotFound
from modules.jobs.database import Database
from modules.jobs.job import Job, PictureRecord, State, Wording
from modules.jobs.presence import Presence
from modules.jobs.rows import MIGRATIONS, read_jobs, read_picture, read_wording, write_job, write_picture

MOST_ROWS = 500
LOOKED_AT = 8
"""Of pictures drawn from the same request."""
LARGEST = 2**63 - 1
LOOKED_AT = 20_000
"""Jobs whose words are looked through."""
INTERRUPTED = EaselError("Interrupted by a crash or a restart.", "What was finished before is kept; submit it again for the rest.")


class Store:
    """path: of the file; pictures are named relative to its folder. Opens nothing before it is used. Every method may be called by any thread
    and raises OutputTrouble when the disk refuses; then nothing of the call was done."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self._database = Database(path, MIGRATIONS)
        self._presence: Presence | None = None

    @property
    def notes(self) -> list[str]:
        """What the user should know of the file, one sentence each."""
        return self._database.notes

    def add(self, job: Job) -> None:
        """A new job, behind all that wait."""
        with self._database.writing() as rows:
            (last,) = rows.execute("SELECT coalesce(max(position), 0) FROM jobs WHERE state = ?", (State.QUEUED.value,)).fetchone()
            write_job(rows, job, self._here().token, last + 1)

    def put(self, jobs: Iterable[Job], flushed: bool = True) -> None:
        """Jobs as they are now, with such of their pictures as are not yet there. Their place in the order stays. flushed: as `Database.writing`."""
        with self._database.writing(flushed) as rows:
            for job in jobs:
                write_job(rows, job, self._here().token, 0)
                for ordinal, record in enumerate(job.pictures):
                    write_picture(rows, job.id, ordinal, record)

    def add_picture(self, job: str, ordinal: int, record: PictureRecord) -> PictureRecord:
        """Returns the record with its number; from now on it outlives a crash."""
        with self._database.writing() as rows:
            return dataclasses.replace(record, job=job, number=write_picture(rows, job, ordinal, record))

    def order(self, ids: Sequence[str]) -> None:
        """The order of the waiting jobs, first to last."""
        with self._database.writing() as rows:
            rows.executemany("UPDATE jobs SET position = ? WHERE id = ?", [(position, id) for position, id in enumerate(ids, 1)])

    def take_over(self, resume: bool) -> list[Job]:
        """At the start of a process: what dead ones were running is marked failed; what they left waiting is ours now, if `resume`.
        Returns the waiting jobs in their order."""
        with self._database.writing() as rows:
            mine = self._here().token
            unfinished = (State.QUEUED.value, State.RUNNING.value)
            holders = [row["holder"] for row in rows.execute("SELECT DISTINCT holder FROM jobs WHERE state IN (?, ?)", unfinished)]
            for holder in holders:
                if holder == mine or self._here().lives(holder):
                    continue
                rows.execute(
                    "UPDATE jobs SET state = ?, error = ?, finished = ? WHERE holder = ? AND state = ?",
                    (State.FAILED.value, json.dumps(INTERRUPTED.as_dict()), time.time(), holder, State.RUNNING.value),
                )
                if resume:
                    rows.execute("UPDATE jobs SET holder = ? WHERE holder = ? AND state = ?", (mine, holder, State.QUEUED.value))
            return read_jobs(rows, "holder = ? AND state = ? ORDER BY position, number", (mine, State.QUEUED.value))

    def job(self, id: str) -> Job:
        """Raises NotFound."""
        with self._database.reading() as rows:
            found = read_jobs(rows, "id = ?", (id,))
        if not found:
            raise NotFound(f"There is no job {id[:80]!r}.", "Look at the queue or the history.", "id")
        return found[0]

    def recent(self, limit: int = 50, before: str = "", owner: str | None = None) -> list[Job]:
        """Finished jobs, the newest first: of one owner or of all, from the one after job `before` on."""
        where, values = "state NOT IN (?, ?)", [State.QUEUED.value, State.RUNNING.value]
        if before:
            where, values = (where + " AND number < coalesce((SELECT number FROM jobs WHERE id = ?), 0)", [*values, before])
        if owner is not None:
            where, values = where + " AND owner = ?", [*values, owner]
        with self._database.reading() as rows:
            return read_jobs(rows, f"{where} ORDER BY number DESC LIMIT ?", (*values, _some(limit)))

    def wordings(self, limit: int = 100, find: str = "", owners: Sequence[str] | None = None) -> list[Wording]:
        """What was asked for in words, the newest first and each once: all that hold `find`, whatever the case; of some owners or of all."""
        found: dict[Wording, None] = {}
        question, values = "SELECT request FROM jobs", []
        if owners is not None:
            question, values = f"{question} WHERE owner IN ({', '.join('?' * len(owners))})", [*owners]
        with self._database.reading() as rows:
            for (request,) in rows.execute(f"{question} ORDER BY number DESC LIMIT {LOOKED_AT}", values):
                wording = read_wording(request)
                if wording.prompt.strip() and find.casefold() in f"{wording.prompt}\n{wording.negative_prompt}".casefold():
                    found[wording] = None
                    if len(found) >= _some(limit):
                        break
        return list(found)

    def pictures(self, limit: int = 50, before: int = 0) -> list[PictureRecord]:
        """The newest first, from the one after number `before` on."""
        with self._database.reading() as rows:
            found = rows.execute("SELECT * FROM pictures WHERE ? OR number < ? ORDER BY number DESC LIMIT ?", (before <= 0, min(before, LARGEST), _some(limit)))
            return [read_picture(row) for row in found]

    def picture(self, number: int) -> PictureRecord:
        """Raises NotFound."""
        with self._database.reading() as rows:
            row = rows.execute("SELECT * FROM pictures WHERE number = ?", (max(0, min(number, LARGEST)),)).fetchone()
        if row is None:
            raise NotFound(f"There is no picture {number}.", "Look at the history.", "number")
        return read_picture(row)

    def references(self) -> set[str]:
        """Every input picture that a job's request names."""
        with self._database.reading() as rows:
            texts = [text for row in rows.execute("SELECT request, resolved FROM jobs") for text in row if text]
        return {match.group() for text in texts for match in REFERENCE.finditer(text)}

    def drawn(self, digest: str) -> list[PictureRecord]:
        """The whole pictures that were saved for this `core.result.digest`, the newest first."""
        where = "digest = ? AND digest != '' AND complete AND path != ''"
        with self._database.reading() as rows:
            return [read_picture(row) for row in rows.execute(f"SELECT * FROM pictures WHERE {where} ORDER BY number DESC LIMIT ?", (digest, LOOKED_AT))]

    def delete(self, id: str) -> None:
        """A job and its rows of pictures; the files stay. Raises NotFound."""
        with self._database.writing() as rows:
            if rows.execute("DELETE FROM jobs WHERE id = ?", (id,)).rowcount == 0:
                raise NotFound(f"There is no job {id[:80]!r}.", "Look at the queue or the history.", "id")

    def close(self) -> None:
        self._database.close()
        if self._presence is not None:
            self._presence.leave()

    def _here(self) -> Presence:
        """Made inside a transaction, when the folder is there and the lock of the database is held."""
        if self._presence is not None and not self._presence.stands:
            self._presence.leave()
            self._presence = None
        if self._presence is None:
            self._presence = Presence(self.folder)
        return self._presence


def _some(limit: int) -> int:
    return max(1, min(limit, MOST_ROWS))
