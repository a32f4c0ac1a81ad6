"""Where `--out` says that pictures go: each is there, under its name and in its format, before anybody is told that it is finished.

A place that cannot be written any more costs no picture: the outputs folder takes it, and it says so.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from PIL import Image

from modules.cli.parser import BadWords
from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, replace
from modules.engine.save import Outputs, numbered
from modules.infotext import files
from modules.infotext.files import Format

FORMATS: Mapping[str, Format] = {".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp", ".avif": "avif"}

Place = Callable[[bytes, int, str], Path]
"""(file, seed, basename of a grid or "") -> where it was written. Raises OutputTrouble."""


@dataclass
class Delivery:
    """The `Saver` of a command. usual: takes what cannot go where it should. missed: whether that came about."""

    place: Place
    usual: Outputs
    missed: bool = False

    def save(self, data: bytes, seed: int, kind: str, grid: str = "") -> tuple[Path, str]:
        try:
            return self.place(data, seed, grid), ""
        except OutputTrouble as trouble:
            self.missed = True
            path, note = self.usual.save(data, seed, kind, grid)
            return path, f"{trouble} {note or f'The picture was saved as {path} instead.'}"


def place_of(out: str, several: bool) -> Place:
    """out: a folder, or a file that ends in .png, .jpg, .webp or .avif. several: pictures of one file name are numbered, from 1.
    Looks before any work is done. Raises BadWords, OutputTrouble."""
    where = Path(out).expanduser()
    if not is_file(where, out):
        if where.is_file():
            raise OutputTrouble(f"{where} is a file.", "Name a folder, or a file that ends in .png.")
        make_folder(where)
        return lambda data, seed, grid: numbered(where, data, seed, grid)
    if where.suffix.lower() not in FORMATS:
        raise BadWords(f"--out {where.name}: Easel does not write {where.suffix} files. Use one of {', '.join(FORMATS)}, or a folder.")
    make_folder(where.parent)
    numbers = count(1)

    def named(data: bytes, seed: int, grid: str) -> Path:
        path = where.with_name(f"{where.stem}-{next(numbers)}{where.suffix}") if several else where
        replace(path, in_format(data, FORMATS[where.suffix.lower()]))
        return path

    return named


def is_file(where: Path, text: str) -> bool:
    """Whether --out names a file: by its ending, unless a folder of that name is there."""
    return bool(where.suffix) and not text.endswith(("/", "\\")) and not where.is_dir()


def in_format(data: bytes, format: Format) -> bytes:
    """A PNG of ours in another format, its texts with it."""
    if format == "png":
        return data
    texts = files.read(data)
    with Image.open(io.BytesIO(data)) as image:
        return files.encode(image, texts.parameters, texts.document, format)
