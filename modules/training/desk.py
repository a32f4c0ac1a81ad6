"""What a person does with trainings from a page or a program: look first, begin, go on, end, discard. Files and requests alone; no torch.

The queue is a higher layer's: what is asked of it is handed over.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modules.catalog.card import Card
from modules.core.errors import EaselError, InvalidRequest, NotFound, Unavailable
from modules.core.paths import Paths
from modules.core.records.families import FAMILIES
from modules.core.result import Cancel
from modules.core.training import TrainingRequest, called, check, worded
from modules.training import checking, dataset, pinned, resuming, room, runs
from modules.training.dataset import Entry, Finding
from modules.training.places import target
from modules.training.runs import Run
from modules.training.sets import Sets
from modules.training.views import Views, prompted, sheet

LOOKED_AT = 60
"""Pictures that are looked at before a training is queued; of more, the training itself does."""
MULTIPLE = 8
"""Pixels that the sides of training pictures are multiples of."""
SIDE = 512
PATIENCE = 120.0
"""Seconds in which a training that is discarded comes to its end."""


class Line(Protocol):
    """What is asked of the queue."""

    @property
    def version(self) -> int: ...
    def jobs(self, owner: str | None = None) -> Sequence[Any]: ...
    def cancel(self, id: str, how: Cancel = Cancel.STOP) -> None: ...
    def wait(self, version: int, timeout: float | None = None) -> int: ...
    def delete(self, id: str) -> None: ...


class Claim(Protocol):
    """A job that was submitted."""

    id: str


@dataclass(frozen=True)
class Looked:
    """What was found in a set before it is trained on. sheet: a PNG of what the model will see, b"" where there is nothing to show."""

    findings: tuple[Finding, ...]
    usable: int
    captioned: int
    sheet: bytes


class Desk:
    """card: of a request's model, None where there is no model at all. submit: (request, owner) -> the job. lately: finished jobs, the newest first. Any thread may
    call anything."""

    def __init__(
        self,
        paths: Paths,
        line: Line,
        submit: Callable[[TrainingRequest, str], Claim],
        card: Callable[[str], Card | None],
        lately: Callable[[], Sequence[Any]],
    ) -> None:
        self.paths, self.line, self.submit, self.card, self.lately = paths, line, submit, card, lately
        self.sets = Sets(paths.datasets)

    def looked(self, request: TrainingRequest, told: Callable[[float], None] = lambda share: None) -> Looked:
        """Looks at every picture of a folder. Raises only what `told` raises."""
        side = self.side(request)
        found = checking.check(Path(request.data.folder), side, worded(request), told)
        shown = sheet(found.entries, Views(request.data, side, MULTIPLE, request.seed), called(request)) if found.entries else b""
        return Looked(found.findings, len(found.entries), sum(bool(entry.caption) for entry in found.entries), shown)

    def begin(self, request: TrainingRequest, owner: str = "") -> str:
        """-> the job's id. What can be said at once is: the name, the pictures, the disk. Raises EaselError; there is no job then."""
        check(request)
        if self.job_of(request.name) is not None:
            raise InvalidRequest(f"{request.name} is being trained already.", "Choose another name, or wait.", "name")
        target(request, self.paths)
        folder = self.paths.training / request.name
        if runs.listed(folder / runs.CHECKPOINTS):
            raise InvalidRequest(f"There is a run {request.name} already.", "Go on with it, discard it, or choose another name.", "name")
        entries = self._entries(request)
        self._room(request, len(entries))
        return self.submit(prompted(request, entries), owner).id

    def go_on(self, name: str, owner: str = "", steps: int = 0, keep: bool = False) -> str:
        """With a run that was paused or interrupted, as it was begun. steps, keep: as `resuming.resumed`. -> the job's id. Raises EaselError; there is no job then."""
        return self.submit(self.resumed(name, owner, steps, keep), owner).id

    def resumed(self, name: str, owner: str = "", steps: int = 0, keep: bool = False) -> TrainingRequest:
        """What goes on with a run, where everything that can be said before is in order. Raises EaselError."""
        run = self.run(name, owner)
        if self.job_of(name) is not None:
            raise InvalidRequest(f"{name} is being trained already.", "Look at the queue.", "name")
        if run.request is None or run.stage == "broken":
            raise InvalidRequest(run.trouble, "", "name")
        if run.stage == "done":
            raise InvalidRequest(f"{name} is finished.", "Train anew under another name.", "name")
        folder = self.paths.training / name
        request = resuming.resumed(folder, steps, keep)
        entries = [] if keep else self._entries(request)
        if not keep and runs.listed(folder / runs.CHECKPOINTS):
            pinned.unchanged(folder, request, len(entries) <= LOOKED_AT)
        self._room(request, len(entries))
        return request

    def discard(self, name: str, owner: str = "") -> Path:
        """Ends a run, and lays aside what there is of it. -> where that lies. Raises NotFound, Unavailable, OutputTrouble."""
        job = self.job_of(name)
        if job is None or os.path.lexists(self.paths.training / name):
            self.run(name, owner)
        while job is not None:
            version = self.line.version
            self.line.cancel(job.id, Cancel.STOP)
            if (job := self.job_of(name)) is not None and self.line.wait(version, PATIENCE) == version:
                raise Unavailable(f"{name} is still at its last step.", "Try again in a moment.")
        if not os.path.lexists(self.paths.training / name):
            return self.paths.training
        place = runs.discard(name, self.paths)
        for job in self.lately():  # their picture lies elsewhere now
            if isinstance(job.request, TrainingRequest) and job.request.name.casefold() == name.casefold():
                with contextlib.suppress(EaselError):
                    self.line.delete(job.id)
        return place

    def run(self, name: str, user: str = "") -> Run:
        """Raises NotFound, also for another user's."""
        run = runs.run_of(name, self.paths)
        if user and run.owner not in ("", user):
            raise NotFound(f"There is no run {name[:80]!r}.", "Look at the list of runs.", "name")
        return run

    def runs(self, user: str = "") -> list[Run]:
        return [run for run in runs.runs(self.paths) if not user or run.owner in ("", user)]

    def job_of(self, name: str) -> Any | None:
        """The job that trains a run, running or waiting."""
        return next((job for job in self.line.jobs() if isinstance(job.request, TrainingRequest) and job.request.name.casefold() == name.casefold()), None)

    def take_out(self, name: str, picture: str, user: str = "") -> None:
        """A picture from a set, unless it is being trained on: samples are read as they are needed. Raises NotFound, Unavailable, OutputTrouble."""
        folder = self.sets.folder(name, user)
        if any(isinstance(job.request, TrainingRequest) and Path(job.request.data.folder) == folder for job in self.line.jobs()):
            raise Unavailable("These pictures are being trained on.", "Take pictures out when that is done.")
        self.sets.take_out(name, picture, user)

    def side(self, request: TrainingRequest) -> int:
        """Of a square training picture, in pixels."""
        card = self.card(request.model)
        record = FAMILIES.find(card.family) if card else None
        return request.data.side or (card.native if card else 0) or (record.native if record else 0) or SIDE

    def _entries(self, request: TrainingRequest) -> list[Entry]:
        """Raises InvalidRequest for pictures that cannot be trained on."""
        entries, findings = dataset.read(Path(request.data.folder))
        if len(entries) <= LOOKED_AT and not any(finding.stops for finding in findings):
            found = checking.check(Path(request.data.folder), self.side(request), worded(request))
            entries, findings = list(found.entries), list(found.findings)
        if worst := next((finding for finding in findings if finding.stops), None):
            raise InvalidRequest(str(worst), "", "data.folder")
        return entries

    def _room(self, request: TrainingRequest, pictures: int) -> None:
        """Raises OutputTrouble where the disk would be full before the end."""
        if card := self.card(request.model):
            room.check(request, card, self.paths, pictures)
