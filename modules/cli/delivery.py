"""Where `--out` says that pictures go: each is there, under its name and in its format, before anybody is told that it is finished.

A place that cannot be written any more costs no picture: the outputs folder takes it, and it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from modules.cli.parser import BadWords
from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, replace
from modules.engine.save import Destination, Outputs, written
from modules.infotext import files
from modules.infotext.files import Format

FORMATS: Mapping[str, Format] = {".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp", ".avif": "avif"}

Place = Callable[[bytes, Destination], Path]
"""(a png file, where it would go otherwise) -> where it was written. Raises OutputTrouble."""


@dataclass
class Delivery:
    """The `Saver` of a command. usual: takes what cannot go where it should. missed: whether that came about."""

    place: Place
    usual: Outputs
    missed: bool = False

    def save(self, data: bytes, to: Destination) -> tuple[Path, str]:
        try:
            return self.place(data, to), ""
        except OutputTrouble as trouble:
            self.missed = True
            path, note = self.usual.save(data, to)
            return path, f"{trouble} {note or f'The picture was saved as {path} instead.'}"


def place_of(out: str, several: bool) -> Place:
    """out: a folder, or a file that ends in .png, .jpg, .webp or .avif. several: pictures of one file name are numbered, from 1.
    Looks before any work is done. Raises BadWords, OutputTrouble."""
    where = Path(out).expanduser()
    if not is_file(where, out):
        if where.is_file():
            raise OutputTrouble(f"{where} is a file.", "Name a folder, or a file that ends in .png.")
        make_folder(where)
        return lambda data, to: written(where, data, Destination(seed=to.seed, grid=to.grid))
    if where.suffix.lower() not in FORMATS:
        raise BadWords(f"--out {where.name}: Easel does not write {where.suffix} files. Use one of {', '.join(FORMATS)}, or a folder.")
    make_folder(where.parent)
    numbers = count(1)

    def named(data: bytes, to: Destination) -> Path:
        path = where.with_name(f"{where.stem}-{next(numbers)}{where.suffix}") if several else where
        replace(path, files.converted(data, FORMATS[where.suffix.lower()]))
        return path

    return named


def is_file(where: Path, text: str) -> bool:
    """Whether --out names a file: by its ending, unless a folder of that name is there."""
    return bool(where.suffix) and not text.endswith(("/", "\\")) and not where.is_dir()


def saving_for(out: str, script: bool) -> dict[str, Any]:
    """The settings of a command's job: every picture is printed, so every one is saved; what goes to --out keeps every pixel and text on the way."""
    given = {"samples_format": "png", "grid_format": "png", "enable_pnginfo": True, "save_txt": False, "grid_save": script} if out else {}
    return {"samples_save": True, **given}
