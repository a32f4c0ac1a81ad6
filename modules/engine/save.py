"""Where finished pictures go: outputs/txt2img-images/YYYY-MM-DD/00001-SEED.png. A picture is on the disk before anyone is told of it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, write_new


class Saver(Protocol):
    """Where an engine's pictures go."""

    def save(self, data: bytes, seed: int, kind: str, grid: str = "") -> tuple[Path, str]:
        """Puts a file where it outlives a power cut. kind: A1111's folder for it. grid: basename of a grid, "" for a picture.
        -> (path, note); the note is empty unless the user should know something. Raises OutputTrouble when no place takes it."""


@dataclass(frozen=True)
class Outputs:
    """root: the outputs folder. rescue: where a picture goes when the root cannot be written, so that it is never lost."""

    root: Path
    rescue: Path = Path.home() / "easel-rescued"

    def save(self, data: bytes, seed: int, kind: str = "txt2img-images", grid: str = "") -> tuple[Path, str]:
        """kind: the folder. grid: basename of a grid (grid-0001.png), "" for a picture (00001-SEED.png).
        -> (path, note); the note is empty unless the picture had to go to the rescue folder. Raises OutputTrouble when neither place takes it."""
        folder = self.root / kind / time.strftime("%Y-%m-%d")
        try:
            return numbered(folder, data, seed, grid), ""
        except OutputTrouble as trouble:
            try:
                path = numbered(self.rescue, data, seed, grid)
            except OutputTrouble:
                raise trouble from None
            return path, f"{trouble} The picture was saved as {path} instead."


def numbered(folder: Path, data: bytes, seed: int, grid: str) -> Path:
    """Writes a file under the next free number of a folder. Raises OutputTrouble."""
    try:
        make_folder(folder)
        pattern = re.compile(rf"{re.escape(grid)}-(\d{{1,9}})(?!\d)" if grid else r"(\d{1,9})(?!\d)")
        start = 1 + max((int(found[1]) for name in folder.iterdir() if (found := pattern.match(name.name))), default=0)
    except OSError as error:
        raise OutputTrouble(
            f"The folder {folder} cannot be written: {error.strerror}.", "Make room or change its permissions, or start with another --data-dir."
        ) from None
    return write_new(folder, lambda number: f"{grid}-{number:04}.png" if grid else f"{number:05}-{seed}.png", data, start)
