"""`rerun FILE...`: makes the picture of a file again; with --verify it says whether every pixel is the same, and if not, how far off and why."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from modules.app import App
from modules.cli.compare import changed_facts, difference
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.generate import INTERRUPTED, check_names, opened
from modules.cli.parser import BadWords, Parser
from modules.cli.progress import wait_for
from modules.cli.request_flags import value_of_text
from modules.core.errors import BadPicture, EaselError, NotFound, OutputTrouble
from modules.core.files import make_folder, write_new
from modules.core.params import named, walk, with_values
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture
from modules.infotext.reading import Reading

DIFFERENT = 1
BAD_INPUT = 2
LARGEST = 2**29
"""Bytes."""


def run(words: Sequence[str]) -> int:
    parser = Parser("rerun FILE...", "Makes the pictures of files again, from the request that they carry.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a picture of Easel, or of another tool as far as Easel understands it")
    parser.add_argument("--verify", action="store_true", help="compare with the file, pixel by pixel; 0: identical, 1: not, 2: cannot be made")
    parser.add_argument("--out", metavar="DIR", default="", help="folder for the new pictures (outputs/txt2img-images; with --verify nowhere)")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="change a value of the request, for example --set steps=30; may be given several times"
    )
    parser.add_argument("--tolerance", metavar="DB", default="", help="with --verify: a PSNR of this many dB or more passes, too")
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    changes, tolerance = changes_of(found.set), tolerance_of(found.tolerance)
    folder = Path(found.out).expanduser() if found.out else None
    if folder:
        make_folder(folder)
    worst = 0
    with opened(options_of(found)) as app:
        start = cache(app.start)
        for name in found.files:
            try:
                worst = max(worst, again(app, Path(name).expanduser(), changes, folder, found, tolerance, start))
            except EaselError as error:
                near = [name for name in error.candidates if name not in str(error)] if isinstance(error, NotFound) else []
                print(f"error: {name}: {error}" + (f" Nearest: {', '.join(near)}." if near else ""), file=sys.stderr, flush=True)
                worst = max(worst, DIFFERENT if isinstance(error, OutputTrouble) else BAD_INPUT)
            if worst == INTERRUPTED:
                break
    return worst


def again(
    app: App, file: Path, changes: dict[str, Any], folder: Path | None, found: argparse.Namespace, tolerance: float | None, start: Callable[[], None]
) -> int:
    """One file. start: the app, unless it was started already. -> exit code. Raises EaselError."""
    data = read_bytes(file)
    reading = app.read_picture(data)
    request = request_of(reading, file)
    changed = with_values(request, changes)
    check_names(changed)
    ticket = app.submit(changed, save=not found.verify and folder is None)
    start()
    result = wait_for(app, ticket, lambda record: _print_path(app, record.path))
    if result.cancelled is Cancel.STOP or not result.pictures:
        return INTERRUPTED
    picture = result.pictures[0]
    if folder:
        print(copy_beside(folder, file, picture), flush=True)
    if not found.verify:
        return 0
    apart = difference(data, picture.data)
    passes = apart.identical or tolerance is not None and not apart.sizes and apart.psnr >= tolerance
    facts = [] if apart.identical else why(reading, request, picture, result.facts, changes)
    print(f"{file}: {'; '.join([str(apart) + (' (within tolerance)' if passes and not apart.identical else ''), *facts])}", flush=True)
    return 0 if passes else DIFFERENT


def why(reading: Reading, request: GenerationRequest, picture: Picture, facts: dict[str, str], changes: dict[str, Any]) -> list[str]:
    """What may explain a difference, one clause each."""
    clauses = [f"changed by --set: {', '.join(changes)}"] if changes else []
    made = picture.request
    before = {name.lower(): value for name, value in reading.facts.items() if name.lower() in facts}
    before |= {"dtype": request.precision.replace("auto", ""), "model hash": request.model_hash}
    after = facts | {"dtype": made.precision, "model hash": made.model_hash[: len(request.model_hash)]}
    before = {name: value for name, value in before.items() if value}
    if differing := changed_facts(before, after):
        clauses.append(f"facts that differ: {', '.join(differing)}")
    elif reading.facts:
        clauses.append("no recorded fact differs")
    else:
        clauses.append("the file records no facts of the machine that made it")
    if lost := [row.key for row in reading.rows if row.state != "restored"]:
        clauses.append(f"not restored as they were: {', '.join(lost)}")
    return clauses


def request_of(reading: Reading, file: Path) -> GenerationRequest:
    """Raises BadPicture for a picture without a request in it."""
    if not reading.source:
        raise BadPicture(f"{file.name} holds no generation parameters.", "Only pictures that carry their parameters can be made again.")
    for note in reading.notes:
        print(f"note: {file.name}: {note}", file=sys.stderr, flush=True)
    return reading.request


def read_bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            raise BadPicture("It is too large for a picture.", "Name a picture.")
        return file.read_bytes()
    except FileNotFoundError:
        raise NotFound("There is no such file.", "Check the path.") from None
    except (OSError, ValueError) as error:
        raise BadPicture(f"It cannot be read ({getattr(error, 'strerror', None) or error}).", "Name a picture.") from None


def copy_beside(folder: Path, file: Path, picture: Picture) -> Path:
    """Under the file's own name, or one with a number where that is taken."""
    return write_new(folder, lambda number: f"{file.stem}.png" if number == 1 else f"{file.stem}-{number}.png", picture.data, 1)


def changes_of(texts: Sequence[str]) -> dict[str, Any]:
    """ "steps=30" -> {"steps": "30"}. Raises BadWords, InvalidRequest."""
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadWords(f"--set {text[:80]!r} is not usable. Write NAME=VALUE, for example --set steps=30.")
        flags = {field.flag: field for field in walk(GenerationRequest)}
        field = flags.get(name.strip()) or named(GenerationRequest, name.strip())
        changes[field.name] = value_of_text(field, value)
    return changes


def tolerance_of(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1000:
        raise BadWords(f"--tolerance = {text[:80]!r} is not usable. Give a number of dB, for example 40.")
    return value


def _print_path(app: App, path: str) -> None:
    if path:
        print(app.paths.outputs / path, flush=True)
