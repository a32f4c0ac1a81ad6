"""Puts finished files where they belong: outputs/txt2img-images/YYYY-MM-DD/00001-SEED.png, or wherever the settings say (`engine.keep`).

A place that cannot be written falls back to the usual one, and that to the rescue folder. Knows no format and no setting.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, write_new


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a file should go. kind: A1111's folder for it ("txt2img-images"). grid: basename of a grid, "" for a picture. ending: without the dot.
    folder: below the outputs folder, None for the usual one. name: behind the number, None for the usual one, the seed. numbered: a number stands
    first; else only where the name is taken."""

    seed: int
    kind: str = "txt2img-images"
    grid: str = ""
    ending: str = "png"
    folder: Path | None = None
    name: str | None = None
    numbered: bool = True

    @property
    def below(self) -> Path:
        """The folder within the outputs."""
        return Path(self.kind, time.strftime("%Y-%m-%d")) if self.folder is None else self.folder

    @property
    def called(self) -> str:
        return ("" if self.grid else str(self.seed)) if self.name is None else self.name

    def file_name(self, number: int) -> str:
        """number: of the folder's files, or, unnumbered, how often the name was found taken."""
        if self.numbered or not self.called:
            parts = (self.grid, f"{number:04}" if self.grid else f"{number:05}", self.called)
        else:
            parts = (self.grid, self.called, str(number) if number else "")
        return f"{'-'.join(filter(None, parts))}.{self.ending}"


class Saver(Protocol):
    """Where an engine's pictures go."""

    def save(self, data: bytes, to: Destination) -> tuple[Path, str]:
        """Puts a file where it outlives a power cut.
        -> (path, note); the note is empty unless the user should know something. Raises OutputTrouble when no place takes it."""


@dataclass(frozen=True)
class Outputs:
    """root: the outputs folder. rescue: where a picture goes when the root cannot be written, so that it is never lost."""

    root: Path
    rescue: Path = Path.home() / "easel-rescued"

    def save(self, data: bytes, to: Destination) -> tuple[Path, str]:
        """-> (path, note); the note is empty unless the file had to go elsewhere. Raises OutputTrouble when no place takes it."""
        try:
            return written(self.root / to.below, data, to), ""
        except OutputTrouble as trouble:
            usual = replace(to, folder=None, name=None, numbered=True)
            for folder in (self.root / usual.below, self.rescue):
                try:
                    path = written(folder, data, usual)
                except OutputTrouble:
                    continue
                return path, f"{trouble} The picture was saved as {path} instead."
            raise


def written(folder: Path, data: bytes, to: Destination) -> Path:
    """Writes a file into this folder under the destination's name, behind the highest number there. Raises OutputTrouble."""
    start = 0
    try:
        make_folder(folder)
        if to.numbered or not to.called:
            number = re.compile(rf"{re.escape(to.grid)}-(\d{{1,9}})(?!\d)" if to.grid else r"(\d{1,9})(?=[-.])")
            start = 1 + max((int(found[1]) for file in folder.iterdir() if (found := number.match(file.name))), default=0)
    except OSError as error:
        raise OutputTrouble(
            f"The folder {folder} cannot be written: {error.strerror}.", "Make room or change its permissions, or start with another --data-dir."
        ) from None
    return write_new(folder, to.file_name, data, start)
