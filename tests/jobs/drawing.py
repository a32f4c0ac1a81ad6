"""A runner without networks: it draws small real PNG files, a step at a time, and saves them as the engine does."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.core.files import write_new
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Progress, Report, Result


class Drawing:
    """folder: of the outputs. Each step waits at `gate`, which a test may clear."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = threading.Event()
        self.gate.set()

    def warm(self) -> str:
        return ""

    def unload(self) -> None:
        """There is nothing to let go of."""

    def run(self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool) -> Result:
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
        folder = self.folder / "txt2img-images" / "2026-01-31"
        path = write_new(folder, lambda number: f"{number:05}-{request.seed}.png", file.getvalue(), 1) if save else None
        return Picture(file.getvalue(), image.width, image.height, request, texts.chunks[0][1].decode("latin-1"), index, path)
