"""`rerun FILE...`: makes the picture of a file again; with --verify it says whether every pixel is the same, and if not, how far off and why."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from modules.app import App
from modules.cli.compare import Difference, changed_facts, difference
from modules.cli.complaint import TROUBLE, complain
from modules.cli.delivery import Delivery, saving_for
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.generate import INTERRUPTED, opened, print_path
from modules.cli.parser import BadWords, Parser
from modules.cli.progress import wait_for
from modules.cli.request_flags import value_of_text
from modules.core.errors import BadPicture, EaselError, NotFound
from modules.core.files import make_folder, write_new
from modules.core.params import named, walk, with_values
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture
from modules.core.wish import Wish
from modules.engine.save import Destination, Outputs, written
from modules.infotext import files
from modules.infotext.reading import Reading

DIFFERENT = 1
LARGEST = 2**29
"""Bytes."""


@dataclass(frozen=True)
class Way:
    """How files are made again. save: the pictures become files. out: not in the usual place. tolerance: dB that pass for identical, None for none."""

    changes: Mapping[str, Any]
    save: bool
    out: bool
    verify: bool
    tolerance: float | None

    def passes(self, apart: Difference) -> bool:
        return apart.identical or self.tolerance is not None and not apart.sizes and apart.psnr >= self.tolerance


@dataclass
class Beside:
    """A `Place`: a folder in which new pictures bear the names of the files that they were made from. stem: of such a name, with a number where it is taken;
    "" for the usual names."""

    folder: Path
    stem: str = ""

    def __call__(self, data: bytes, to: Destination) -> Path:
        if not self.stem:
            return written(self.folder, data, Destination(seed=to.seed, grid=to.grid))
        return write_new(self.folder, lambda number: f"{self.stem}.png" if number == 1 else f"{self.stem}-{number}.png", data, 1)


def run(words: Sequence[str]) -> int:
    parser = Parser("rerun FILE...", "Makes the pictures of files again, from the request that they carry.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a picture of Easel, or of another tool as far as Easel understands it")
    parser.add_argument("--verify", action="store_true", help="compare with the file, pixel by pixel; 0: identical, 1: not, 2: cannot be made")
    parser.add_argument("--out", metavar="DIR", default="", help="folder for the new pictures (outputs/txt2img-images; with --verify nowhere)")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="change a value of the request, as in --set steps=30; as often as you like"
    )
    parser.add_argument("--tolerance", metavar="DB", default="", help="with --verify: a PSNR of this many dB or more passes, too")
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    way = Way(changes_of(found.set), bool(found.out) or not found.verify, bool(found.out), found.verify, tolerance_of(found.tolerance))
    options = options_of(found)
    beside = Beside(Path(found.out).expanduser())
    if found.out:
        make_folder(beside.folder)
    delivery = Delivery(beside, Outputs(options.paths.outputs)) if found.out else None
    worst = 0
    with opened(options, delivery) as app:
        start = cache(app.start)
        for name in found.files:
            try:
                worst = max(worst, again(app, Path(name).expanduser(), way, start, beside))
            except EaselError as error:
                worst = max(worst, complain(f"{name}: {error}", error))
            if worst == INTERRUPTED:
                break
    return max(worst, TROUBLE) if delivery and delivery.missed else worst


def again(app: App, file: Path, way: Way, start: Callable[[], None], beside: Beside) -> int:
    """One file. start: starts the app, unless that was done for a file before. beside: is told the name. -> exit code. Raises EaselError."""
    data = read_bytes(file)
    reading = app.intake.again(data)
    request = request_of(reading, file)
    changed = with_values(request, way.changes)
    beside.stem = "" if changed.sweeps else file.stem
    ticket = app.submit(changed, save=way.save, saving=saving_for(str(beside.folder) if way.verify or way.out else "", changed.sweeps))
    start()
    result = wait_for(app, ticket, lambda record: print_path(app, record))
    if result.cancelled is Cancel.STOP or not result.pictures:
        return INTERRUPTED
    if not way.verify:
        return 0
    place = reading.index if changed.sweeps else 0
    if place >= len(result.pictures):
        raise NotFound(f"It was picture {place + 1} of its run, which made {len(result.pictures)} now.", "Leave out what --set changes.")
    picture = result.pictures[place]
    lossy = encoding_of(data)
    apart = difference(data, lossy.encode(picture.data))
    clauses = [f"{apart}{lossy.told(apart)}"]
    if not apart.identical:
        clauses += ["within the tolerance"] if way.passes(apart) else []
        clauses += why(reading, request, picture, result.facts, way.changes)
    print(f"{file}: {'; '.join(clauses)}", flush=True)
    return 0 if way.passes(apart) else DIFFERENT


@dataclass(frozen=True)
class Encoding:
    """How a file lost pixels when it was saved. format: "" for one that lost none. quality: 0 where the file does not say."""

    format: str = ""
    quality: int = 0

    def encode(self, data: bytes) -> bytes:
        """The picture made again, encoded like the file where that is known: the same pixels then give the same file."""
        return files.converted(data, cast(files.Format, self.format), self.quality, texts=False) if self.quality else data

    def told(self, apart: Difference) -> str:
        if self.quality:
            return f" as {self.format} of quality {self.quality}, which is how the file was saved"
        return f" from a {self.format} file, which may have lost pixels when it was saved" if self.format and not apart.identical else ""


def encoding_of(data: bytes) -> Encoding:
    """Raises BadPicture."""
    found = files.read(data)
    if found.format not in ("jpg", "webp", "avif"):
        return Encoding()
    file = (found.document or {}).get("file")
    quality = file.get("quality") if isinstance(file, Mapping) and file.get("format") == found.format else 0
    return Encoding(found.format, quality if isinstance(quality, int) and 1 <= quality <= 100 else 0)


def why(reading: Reading, request: Wish, picture: Picture, facts: Mapping[str, str], changes: Mapping[str, Any]) -> list[str]:
    """What may explain a difference, one clause each."""
    clauses = [f"changed by --set: {', '.join(changes)}"] if changes else []
    before = {name.lower(): value for name, value in reading.facts.items() if name.lower() in facts}
    before |= request.marks
    after = {**facts, **{name: value[: len(request.marks.get(name, value))] for name, value in picture.request.marks.items()}}
    before = {name: value for name, value in before.items() if value}
    if differing := changed_facts(before, after):
        clauses.append(f"facts that differ: {', '.join(differing)}")
    elif reading.facts:
        clauses.append("no recorded fact differs")
    else:
        clauses.append("the file records no facts of the machine that made it")
    set_anew = {called for name in changes for called in (named(GenerationRequest, name).param.text, named(GenerationRequest, name).param.label)}
    if lost := [row.key for row in reading.rows if row.state != "restored" and row.key not in set_anew]:
        clauses.append(f"not restored as they were: {', '.join(lost)}")
    return clauses


def request_of(reading: Reading, file: Path) -> Wish:
    """Raises BadPicture for a picture without a request in it."""
    if not reading.again:
        raise BadPicture(f"{file.name} holds no generation parameters.", "Only pictures that carry their parameters can be made again.")
    for note in reading.notes:
        print(f"note: {file.name}: {note}", file=sys.stderr, flush=True)
    return reading.again


def read_bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            raise BadPicture("It is too large for a picture.", "Name a picture.")
        return file.read_bytes()
    except FileNotFoundError:
        raise NotFound("There is no such file.", "Check the path.") from None
    except (OSError, ValueError) as error:
        raise BadPicture(f"It cannot be read ({getattr(error, 'strerror', None) or error}).", "Name a picture.") from None


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
