"""Sample pictures of a run: drawn by whoever is handed over, kept under their step, and put side by side with those of the start."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from modules.core.files import make_folder, replace
from modules.imaging.opening import opened

NAME = re.compile(r"step-([0-9]{8})-([0-9]{2})\.png")


@dataclass(frozen=True)
class Samples:
    """folder: where they lie. draw: the pictures of a moment, as PNG files, in the order of the prompts."""

    folder: Path
    draw: Callable[[], Sequence[bytes]]

    def take(self, step: int) -> list[bytes]:
        """Raises OutputTrouble, and whatever drawing raises."""
        pictures = list(self.draw())
        make_folder(self.folder)
        for number, data in enumerate(pictures):
            replace(self.folder / f"step-{step:08d}-{number + 1:02d}.png", data)
        return pictures

    def steps(self) -> list[int]:
        """At which there are some, ascending."""
        return sorted({int(found[1]) for path in self.folder.glob("step-*.png") if (found := NAME.fullmatch(path.name))})

    def of(self, step: int) -> list[Path]:
        return sorted(self.folder.glob(f"step-{step:08d}-*.png"))

    def sheet(self) -> bytes:
        """The first moment above the last one, as a PNG; b"" where there are not two."""
        steps = self.steps()
        if len(steps) < 2:
            return b""
        rows = [(f"step {step}", [opened(path.read_bytes()).convert("RGB") for path in self.of(step)]) for step in (steps[0], steps[-1])]
        width = max(sum(image.width + 4 for image in images) for _, images in rows) + 4
        heights = [max((image.height for image in images), default=0) + 20 for _, images in rows]
        canvas = Image.new("RGB", (width, sum(heights) + 4), (32, 32, 36))
        pen, top = ImageDraw.Draw(canvas), 0
        for (title, images), height in zip(rows, heights, strict=True):
            pen.text((5, top + 3), title, (230, 230, 235))
            left = 4
            for image in images:
                canvas.paste(image, (left, top + 18))
                left += image.width + 4
            top += height
        data = io.BytesIO()
        canvas.save(data, "PNG")
        return data.getvalue()
