"""ui.pictures: what is no file can still be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.core.errors import NotFound, OutOfMemory
from modules.core.request import GenerationRequest
from modules.core.result import Picture
from modules.jobs.job import Job, PictureRecord
from modules.jobs.ticket import Tickets
from modules.ui.pictures import Pictures


def test_unsaved_pictures_of_a_failed_job_can_be_shown(tmp_path: Path) -> None:
    request = GenerationRequest(count=2)
    tickets, pictures = Tickets(), Pictures(tmp_path)
    pictures.hold(tickets.issue("a"))
    tickets.keep("a", Picture(b"bytes", 64, 64, request, ""))
    tickets.settle("a", OutOfMemory("The card is full."))
    records = tuple(PictureRecord(path="", seed=7, width=64, height=64, infotext="", index=index) for index in range(2))
    job = Job(id="a", request=request, save=False, pictures=records)
    assert pictures.available(job, records[0]) and pictures.data(job, 0) == (b"bytes", "image/png")
    assert not pictures.available(job, records[1])
    with pytest.raises(NotFound):
        pictures.data(job, 1)
