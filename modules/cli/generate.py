"""`generate "PROMPT"`: pictures without a page. Progress goes to stderr, the path of each saved picture to stdout, one a line."""

from __future__ import annotations

import argparse
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from modules.app import App
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.parser import BadWords, Parser
from modules.cli.progress import wait_for
from modules.cli.request_flags import add_request, values_of
from modules.core.errors import OutputTrouble
from modules.core.files import make_folder, replace, write_new
from modules.core.options import Options
from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.infotext import files
from modules.infotext.files import Format
from modules.jobs.job import PictureRecord

FORMATS: Mapping[str, Format] = {".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp", ".avif": "avif"}
INTERRUPTED = 130
A1111_PRECISION = {"full": "fp32", "half": "fp16", "autocast": "auto"}


def run(words: Sequence[str]) -> int:
    parser = Parser('generate "PROMPT"', "Makes pictures and prints where they were saved.")
    parser.add_argument("words", nargs="?", metavar="PROMPT", help="what the picture shows; in quotes")
    parser.add_argument("--out", metavar="PATH", default="", help="a folder, or a file that ends in .png, .jpg, .webp or .avif (outputs/txt2img-images)")
    add_request(parser)
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    values = wishes(found)
    where = Path(found.out).expanduser()
    if found.out:
        check_place(where, found.out)
    with opened(options_of(found)) as app:
        request = wish(app, values)
        ticket = app.submit(request)
        app.start()
        several = request.pictures > 1 or bool(request.script.name)
        result = wait_for(app, ticket, lambda record: deliver(app, record, where, found.out, several))
    return INTERRUPTED if result.cancelled is Cancel.STOP else 0


def print_path(app: App, record: PictureRecord) -> None:
    """Of a picture that was saved; one that was interrupted is not."""
    if record.path:
        print(app.paths.outputs / record.path, flush=True)


def deliver(app: App, record: PictureRecord, where: Path, out: str, several: bool) -> None:
    """Moves a saved picture to --out, if that was given, and prints where it is. Raises OutputTrouble."""
    if not out or not record.path:
        print_path(app, record)
        return
    saved = app.paths.outputs / record.path
    data = read_saved(saved)
    if data is None:
        return
    path, digest = put(data, record, where, out, several)
    print(path, flush=True)
    app.queue.moved(record, path, digest)
    if path.resolve() != saved.resolve():
        with suppress(OSError):
            saved.unlink()


def read_saved(path: Path) -> bytes | None:
    """None when it is gone: it was moved already, before Ctrl+C interrupted the telling. Raises OutputTrouble."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputTrouble(f"{path} cannot be read: {error.strerror or error}.", "Check the disk.") from error


def wishes(found: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, by field name. Raises BadWords."""
    values = values_of(found)
    if found.words is not None:
        if "prompt" in values:
            raise BadWords("The prompt was given twice. Give it as a word or with --prompt.")
        values["prompt"] = found.words
    if "prompt" not in values:
        raise BadWords('There is no prompt. Write for example: python launch.py generate "a cat on a blue background".')
    if "precision" in values:
        values["precision"] = A1111_PRECISION.get(values["precision"], values["precision"])
    return values


def wish(app: App, values: dict[str, Any]) -> GenerationRequest:
    """The request: what suits the model that was named, then what was asked for. Raises EaselError."""
    name = str(values.get("model", ""))
    if values.get("model_hash"):
        name = app.library.checkpoint(name, str(values["model_hash"])).name
    return with_values(app.default_request(name), values)


@contextmanager
def opened(options: Options) -> Iterator[App]:
    """An app that is not started yet, so that bad input is refused before torch is loaded; stopped at the end whatever happens."""
    app = App(options, resume=False)
    try:
        yield app
    finally:
        app.stop()


def is_file(where: Path, text: str) -> bool:
    """Whether --out names a file: by its ending, unless a folder of that name is there."""
    return bool(where.suffix) and not text.endswith(("/", "\\")) and not where.is_dir()


def check_place(where: Path, text: str) -> None:
    """Before any work is done. Raises BadWords or OutputTrouble."""
    if is_file(where, text):
        if where.suffix.lower() not in FORMATS:
            raise BadWords(f"--out {where.name}: Easel does not write {where.suffix} files. Use one of {', '.join(FORMATS)}, or a folder.")
        where = where.parent
    elif where.is_file():
        raise OutputTrouble(f"{where} is a file.", "Name a folder, or a file that ends in .png.")
    make_folder(where)


def put(data: bytes, record: PictureRecord, where: Path, text: str, several: bool) -> tuple[Path, str]:
    """Writes one picture to where --out says; several under one file name are numbered from 1. -> the path, the file's sha256. Raises OutputTrouble."""
    if not is_file(where, text):
        taken = [int(found[0]) for name in where.iterdir() if (found := re.match(r"\d{1,9}", name.name))]
        return write_new(where, lambda number: f"{number:05}-{record.seed}.png", data, 1 + max(taken, default=0)), sha256(data)
    path = where.with_name(f"{where.stem}-{record.index + 1}{where.suffix}") if several else where
    data = in_format(data, FORMATS[where.suffix.lower()])
    replace(path, data)
    return path, sha256(data)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def in_format(data: bytes, format: Format) -> bytes:
    """A PNG of ours in another format, its texts with it."""
    if format == "png":
        return data
    texts = files.read(data)
    with Image.open(io.BytesIO(data)) as image:
        return files.encode(image, texts.parameters, texts.document, format)
