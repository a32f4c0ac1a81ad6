"""A runner without networks: it draws small real PNG files, a step at a time, and saves them as the engine does."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.core.control import ControlUnit
from modules.core.files import write_new
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Progress, Report, Result
from modules.engine.save import Destination, Saver
from tests.whole import Whole


class Drawing(Whole):
    """folder: of the outputs. saver: where pictures go, if not in there. Each step waits at `gate`, which a test may clear."""

    def __init__(self, folder: Path, saver: Saver | None = None) -> None:
        self.folder, self.saver = folder, saver
        self.gate = threading.Event()
        self.gate.set()

    def warm(self) -> str:
        return ""

    def unload(self) -> None:
        """There is nothing to let go of."""

    def weigh(self, request: GenerationRequest) -> Mapping[str, Any]:
        return {"prompt": [], "negative_prompt": [], "calls": request.steps, "emphasis": request.text.emphasis, "measured": True}

    def annotate(self, unit: ControlUnit, image: Image.Image) -> Image.Image:
        return image

    def run(self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, saving: object = None, user: str = "") -> Result:
        request = dataclasses.replace(request, seed=request.seed if request.seed >= 0 else 1234)
        pictures: list[Picture] = []
        how = Cancel.NONE
        for index in range(request.pictures):
            report(Progress("sampling", index, request.pictures, 0, request.steps))
            how = self._sample(index, request, report, cancel)
            if how is Cancel.STOP:
                break
            if how is Cancel.NONE:
                pictures.append(self._finished(single(request, index), index, save))
                report(pictures[-1])
        return Result(request, tuple(pictures), ("Drawn, not dreamt.",), 0.1, how, {"engine": "drawing"})

    def _sample(self, index: int, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel]) -> Cancel:
        for step in range(request.steps):
            self.gate.wait(30)
            if (how := cancel()) is not Cancel.NONE:
                return how
            preview = b"preview %d" % step if step % 2 else None
            report(Progress("sampling", index, request.pictures, step + 1, request.steps, preview))
        return Cancel.NONE

    def _finished(self, request: GenerationRequest, index: int, save: bool) -> Picture:
        image = Image.new("RGB", (request.width, request.height), (request.seed % 256, index % 256, 99))
        texts = PngInfo()
        texts.add_text("parameters", f"{request.prompt}\nSteps: {request.steps}, Seed: {request.seed}")
        file = io.BytesIO()
        image.save(file, "png", pnginfo=texts)
        picture = Picture(file.getvalue(), image.width, image.height, request, texts.chunks[0][1].decode("latin-1"), index)
        return picture.saved(self._saved(picture.data, request.seed)) if save else picture

    def _saved(self, data: bytes, seed: int) -> Path:
        if self.saver:
            return self.saver.save(data, Destination(seed=seed))[0]
        return write_new(self.folder / "txt2img-images" / "2026-01-31", lambda number: f"{number:05}-{seed}.png", data, 1)
