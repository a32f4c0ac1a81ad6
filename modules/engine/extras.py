"""An extras request -> finished pictures: read, treated by `engine.extras_steps`, written, saved. Knows no model that draws.

Each picture is safe on the disk before it is told of. One of several that cannot be read or enlarged is left out and said; the others stand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from modules import __version__
from modules.core.blobs import Blobs
from modules.core.errors import BadPicture, EaselError
from modules.core.extras import ExtrasRequest, one
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Report, Result
from modules.core.saving import Saving
from modules.engine import extras_names
from modules.engine.extras_steps import Steps, Told
from modules.engine.features.watch import Stopped
from modules.engine.healing import Healing
from modules.engine.keep import Files
from modules.engine.names import FORBIDDEN, safe
from modules.engine.save import Destination, Saver
from modules.imaging.opening import opened
from modules.infotext import files, postprocessed
from modules.memory.device import Machine

Made = Result[ExtrasRequest]
FOLDER = "extras-images"
"""A1111's."""
REMEDY = "Enlarge less, or close what else takes memory."


@dataclass(frozen=True)
class Extras:
    """outputs, saving: as the engine's. facts: what beside the request decides the last bits. room: every network leaves the memory."""

    steps: Steps
    machine: Machine
    blobs: Blobs
    outputs: Saver
    saving: Callable[[Mapping[str, Any]], Saving]
    facts: Callable[[], dict[str, str]]
    room: Callable[[], None]

    def run(
        self,
        request: ExtrasRequest,
        report: Report,
        cancel: Callable[[], Cancel],
        save: bool = True,
        saving: Mapping[str, Any] | None = None,
        user: str = "",
    ) -> Made:
        """As `jobs.runner.Runner.run`. Raises EaselError."""
        began = time.monotonic()
        request = extras_names.settled(request, self.steps.shelf, self.machine.precision)
        place = Files(self.outputs, self.saving(saving or {}))
        pictures: list[Picture[ExtrasRequest]] = []
        notes: list[str] = []
        stopped = Cancel.NONE
        for index in range(request.pictures):
            report(Progress("loading", index, request.pictures))
            try:
                picture, said = self._picture(one(request, index), index, partial(_told, report, index, request.pictures), cancel)
            except Stopped as stop:
                stopped = stop.how
                if stopped is Cancel.STOP:
                    break
                continue
            except EaselError as error:
                if request.pictures == 1:
                    raise
                notes.append(f"{_called(request, index)} was left out: {error}")
                continue
            notes += [f"{_called(request, index)}: {note}" if request.pictures > 1 else note for note in said]
            if save and place.saving.samples_save:
                picture, said = place.put(picture, place.saving.samples_format, destination(request, index, place.saving))
                notes += said
            pictures.append(picture)
            report(picture)
        if not pictures and notes:
            raise BadPicture("None of the pictures could be made.", notes[0])
        return Result(request, tuple(pictures), tuple(dict.fromkeys(notes)), time.monotonic() - began, stopped, self.facts())

    def _picture(self, request: ExtrasRequest, index: int, told: Told, cancel: Callable[[], Cancel]) -> tuple[Picture[ExtrasRequest], list[str]]:
        """request: of this picture alone. -> the picture, and what the user should know. Raises Stopped, EaselError."""
        if (how := cancel()) is not Cancel.NONE:
            raise Stopped(how, None)
        data = self.blobs.get(request.images[0], "images")
        image = opened(data)
        notes: list[str] = []
        asked = GenerationRequest(width=image.width, height=image.height, enlarging=request.enlarging, precision=request.precision)
        healing = Healing(asked, self.room, device=self.machine.device, say=notes.append, remedy=REMEDY)
        made = healing.whole(lambda: self.steps.made(image, request, told, cancel, healing))
        request = replace(request, enlarging=healing.request.enlarging)
        told("saving", 1, 1)
        said = postprocessed.text(made.done)
        try:
            source = files.read(data)
        except BadPicture:  # a format that keeps no text
            source = files.Found()
        document = postprocessed.document(request, self.facts(), source.document, __version__)
        encode = partial(files.encode, made.image, source.parameters, document, more={postprocessed.CHUNK: said} if said else {})
        held = healing.attempt("finishing", encode)
        return Picture(held, *made.image.size, request, said, index), [*notes, *made.notes]


def destination(request: ExtrasRequest, index: int, saving: Saving) -> Destination:
    """By the name of the file that it was made from, as A1111 does, or by a number where there is none."""
    name = safe(FORBIDDEN.sub("_", request.names[index])) if request.names else ""
    folder = Path(saving.folder(FOLDER), *([time.strftime("%Y-%m-%d")] if saving.save_to_dirs else []))
    return Destination(seed=0, kind=FOLDER, folder=folder, name=name, numbered=not name)


def _told(report: Report, index: int, pictures: int, phase: str, done: int, of: int) -> None:
    report(Progress(phase, index, pictures, done, of))


def _called(request: ExtrasRequest, index: int) -> str:
    return request.names[index] if request.names else f"Picture {index + 1}"
