"""An extras request -> larger pictures: read, enlarged, cut, blended with a second upscaler's, written. A1111's order of things. Knows no model that draws.

Each picture is safe on the disk before it is told of. One of several that cannot be read or enlarged is left out and said; the others stand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from modules import __version__
from modules.core.blobs import Blobs
from modules.core.errors import BadPicture, EaselError, InvalidRequest, OutOfMemory
from modules.core.extras import ExtrasRequest, one
from modules.core.result import Cancel, Picture, Progress, Report, Result
from modules.core.saving import Saving
from modules.engine import extras_names
from modules.engine.features.watch import Stopped
from modules.engine.keep import Files
from modules.engine.names import FORBIDDEN, safe
from modules.engine.save import Destination, Saver
from modules.engine.upscaler_names import Shelf
from modules.engine.upscalers import Upscalers, Watched
from modules.imaging.opening import LARGEST, MOST, opened
from modules.imaging.resize import Upscaler, upscale
from modules.infotext import files, postprocessed
from modules.memory.device import Machine, is_out_of_memory

Made = Result[ExtrasRequest]
FOLDER = "extras-images"
"""A1111's."""


@dataclass(frozen=True)
class Extras:
    """outputs, saving: as the engine's. facts: what beside the request decides the last bits."""

    shelf: Shelf
    upscalers: Upscalers
    machine: Machine
    blobs: Blobs
    outputs: Saver
    saving: Callable[[Mapping[str, Any]], Saving]
    facts: Callable[[], dict[str, str]]

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
        request = extras_names.settled(request, self.shelf, self.machine.precision)
        place = Files(self.outputs, self.saving(saving or {}))
        pictures: list[Picture[ExtrasRequest]] = []
        notes: list[str] = []
        stopped = Cancel.NONE
        for index in range(request.pictures):
            report(Progress("loading", index, request.pictures))
            try:
                picture = self._picture(one(request, index), index, Watched(partial(_told, report, index, request.pictures), cancel))
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
            if save and place.saving.samples_save:
                picture, said = place.put(picture, place.saving.samples_format, destination(request, index, place.saving))
                notes += said
            pictures.append(picture)
            report(picture)
        if not pictures and notes:
            raise BadPicture("None of the pictures could be made.", notes[0])
        return Result(request, tuple(pictures), tuple(dict.fromkeys(notes)), time.monotonic() - began, stopped, self.facts())

    def _picture(self, request: ExtrasRequest, index: int, watched: Watched) -> Picture[ExtrasRequest]:
        """request: of this picture alone. Raises Stopped, EaselError."""
        if (how := watched.cancel()) is not Cancel.NONE:
            raise Stopped(how, None)
        data = self.blobs.get(request.images[0], "images")
        image = opened(data)
        failure = None
        try:
            result, done = self._enlarged(image, request, watched)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            what = f"The {self.machine.device} ran out of memory at {image.width} x {image.height}, in tiles of {request.enlarging.tile}."
            failure = OutOfMemory(what, "Make the tiles smaller.")
        if failure is not None:  # raised outside the except block: inside, the traceback would keep the tensors alive
            self.upscalers.unload()
            raise failure
        watched.told(1, 1)
        said = postprocessed.text(done)
        try:
            source = files.read(data)
        except BadPicture:  # a format that keeps no text
            source = files.Found()
        document = postprocessed.document(request, self.facts(), source.document, __version__)
        held = files.encode(result, source.parameters, document, more={postprocessed.CHUNK: said} if said else {})
        return Picture(held, result.width, result.height, request, said, index)

    def _enlarged(self, image: Image.Image, request: ExtrasRequest, watched: Watched) -> tuple[Image.Image, dict[str, object]]:
        """The picture, and what was done to it under A1111's keys."""
        done: dict[str, object] = {}
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        passes = [field for field in extras_names.FIELDS if field == "upscaler" or request.second_visibility]
        functions = [self._function(request, field, passes.index(field), len(passes), watched) for field in passes]
        if functions[0] is None:  # "None" leaves a picture as it is, whatever size was asked for
            return image, done
        result, done = _sized(image, request, functions[0])
        done["Postprocess upscaler"] = request.upscaler
        if len(functions) > 1 and functions[1] is not None:
            result = Image.blend(result, _sized(image, request, functions[1])[0], request.second_visibility)
            done["Postprocess upscaler 2"] = request.second
        return result, done

    def _function(self, request: ExtrasRequest, field: str, number: int, of: int, watched: Watched) -> Upscaler | None:
        """number: of this pass among `of`."""

        def told(pieces: int, total: int) -> None:
            watched.told(number * total + pieces, of * total)

        return self.upscalers.function(extras_names.found(request, field, self.shelf), request.enlarging, request.precision, Watched(told, watched.cancel))


def destination(request: ExtrasRequest, index: int, saving: Saving) -> Destination:
    """By the name of the file that it was made from, as A1111 does, or by a number where there is none."""
    name = safe(FORBIDDEN.sub("_", request.names[index])) if request.names else ""
    folder = Path(saving.folder(FOLDER), *([time.strftime("%Y-%m-%d")] if saving.save_to_dirs else []))
    return Destination(seed=0, kind=FOLDER, folder=folder, name=name, numbered=not name)


def _sized(image: Image.Image, request: ExtrasRequest, upscaler: Upscaler) -> tuple[Image.Image, dict[str, object]]:
    """One upscaler's picture at the size that was asked for. Raises InvalidRequest for one that is too large."""
    exact = request.resize == "Scale to"
    scale = max(request.width / image.width, request.height / image.height) if exact else request.scale
    large = image.width * scale, image.height * scale
    if max(large) > LARGEST or large[0] * large[1] > MOST:
        what = f"The result would have {large[0]:.0f} x {large[1]:.0f} pixels; at most {LARGEST} a side and {MOST // 10**6} million in all are made."
        raise InvalidRequest(what, "Enlarge it less.", "width" if exact else "scale")
    image = upscale(image, scale, upscaler)
    if not exact:
        return image, {"Postprocess upscale by": f"{scale:g}"}
    done: dict[str, object] = {"Postprocess upscale to": f"{request.width}x{request.height}"}
    if request.crop:
        sheet = Image.new(image.mode, (request.width, request.height))
        sheet.paste(image, (request.width // 2 - image.width // 2, request.height // 2 - image.height // 2))
        image, done["Postprocess crop to"] = sheet, f"{request.width}x{request.height}"
    return image, done


def _told(report: Report, index: int, pictures: int, done: int, of: int) -> None:
    report(Progress("upscaling", index, pictures, done, of))


def _called(request: ExtrasRequest, index: int) -> str:
    return request.names[index] if request.names else f"Picture {index + 1}"
