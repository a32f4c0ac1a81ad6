"""What the buttons 💾 and 🗃️ do with the pictures of a job: copies in the log folder, and one file to take along. No HTTP here."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from modules.app import App
from modules.core.errors import InvalidRequest, NotFound
from modules.core.files import trouble
from modules.core.request import GenerationRequest
from modules.engine.picked import Pick, pick_of
from modules.jobs.job import Job, PictureRecord
from modules.ui.pictures import Pictures


class Picking:
    """pictures: where their bytes are."""

    def __init__(self, app: App, pictures: Pictures) -> None:
        self._app, self._pictures = app, pictures

    def keep(self, job: Job, numbers: Sequence[int], user: str) -> list[str]:
        """Copies these pictures of a job. -> names of the copies as a person reads them. Raises NotFound, OutputTrouble, InvalidRequest."""
        picks = [self._pick(job, number, user) for number in numbers]
        if not picks:
            raise InvalidRequest("There is no picture to save.", "Make one first.")
        return [(PurePath("log") / copy).as_posix() for copy in self._app.picked.keep(picks)]

    def available(self, job: Job) -> list[int]:
        """Numbers of the finished pictures whose bytes are there."""
        return [number for number, record in enumerate(job.pictures) if record.complete and self._pictures.available(job, record)]

    def packed(self, job: Job, user: str) -> tuple[Path, str]:
        """All pictures of a job in one zip, as they were saved. -> (a temporary file that the caller deletes, its name for the person).
        A picture that was deleted meanwhile is left out. Raises NotFound, OutputTrouble."""
        numbers = self.available(job)
        if not numbers:
            raise NotFound("There is no picture of this job any more.", "They may have been moved or deleted.")
        place = Path(tempfile.mkstemp(prefix="easel-", suffix=".zip")[1])
        try:
            with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as pack:
                for number in numbers:
                    with contextlib.suppress(NotFound):
                        data, _ = self._pictures.data(job, number)
                        pack.writestr(self._entry(pack, job.pictures[number]), data)
        except OSError as error:
            place.unlink(missing_ok=True)
            raise trouble(error, place) from None
        return place, self._app.picked.zip_name(self._pick(job, numbers[0], user).shot)

    def _entry(self, pack: zipfile.ZipFile, record: PictureRecord) -> str:
        name = self._pictures.name(record)
        return name if name not in pack.NameToInfo else f"{record.index + 1:05}-{name}"

    def _pick(self, job: Job, number: int, user: str) -> Pick:
        record = self._pictures.record(job, number)
        data, kind = self._pictures.data(job, number)
        ending = Path(self._pictures.name(record)).suffix or f".{kind.partition('/')[2]}"
        whole = job.resolved or job.request
        reading = self._app.intake.text(record.infotext)
        whole = whole if isinstance(whole, GenerationRequest) else reading.request
        one = replace(reading.request if reading.source else whole, seed=record.seed)
        return pick_of(data, ending, one, whole, (record.width, record.height), record.index, user)
