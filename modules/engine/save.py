"""Where finished pictures go: outputs/txt2img-images/YYYY-MM-DD/00001-SEED.png. A picture is on the disk before anyone is told of it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, write_new


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
            return _numbered(folder, data, seed, grid), ""
        except OutputTrouble as trouble:
            try:
                path = _numbered(self.rescue, data, seed, grid)
            except OutputTrouble:
                raise trouble from None
            return path, f"{trouble} The picture was saved as {path} instead."


def _numbered(folder: Path, data: bytes, seed: int, grid: str) -> Path:
    try:
        make_folder(folder)
        numbered = re.compile(rf"{re.escape(grid)}-(\d+)" if grid else r"(\d+)")
        start = 1 + max((int(found[1]) for name in folder.iterdir() if (found := numbered.match(name.name))), default=0)
    except OSError as error:
        raise OutputTrouble(
            f"The folder {folder} cannot be written: {error.strerror}.", "Make room or change its permissions, or start with another --data-dir."
        ) from None
    return write_new(folder, lambda number: f"{grid}-{number:04}.png" if grid else f"{number:05}-{seed}.png", data, start)
