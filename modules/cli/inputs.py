"""`pack`, `clean` and `tidy`: a picture with all that it was made from, one without a word of how it was made, and the store of input pictures put in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from modules.app import App
from modules.cli.complaint import complain
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.generate import opened
from modules.cli.parser import Parser
from modules.core.errors import EaselError
from modules.core.files import make_folder, write_new
from modules.infotext import files
from modules.infotext.cleaning import clean


def pack(words: Sequence[str]) -> int:
    what = "Writes copies that carry along the pictures they were made from, so that another machine can make them again."
    return _copies("pack FILE...", what, "with-inputs", words, lambda app: app.with_inputs)


def strip(words: Sequence[str]) -> int:
    what = "Writes copies without any text of how they were made: no parameters, no EXIF, nothing hidden in the pixels."
    return _copies("clean FILE...", what, "clean", words, lambda app: clean)


def _copies(command: str, what: str, word: str, words: Sequence[str], maker: Callable[[App], Callable[[bytes], bytes]]) -> int:
    """word: goes into the names of the copies, which never replace a file."""
    parser = Parser(command, what)
    parser.add_argument("files", nargs="+", metavar="FILE", help="a saved picture")
    parser.add_argument("--out", metavar="DIR", default="", help="folder for the copies (beside the file)")
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    worst = 0
    with opened(options_of(found)) as app:
        make = maker(app)
        for name in found.files:
            file = Path(name).expanduser()
            folder = Path(found.out).expanduser() if found.out else file.parent
            try:
                copy = make(files.load(file))
                make_folder(folder)
                print(write_new(folder, lambda number, file=file: _name(file, word, number), copy, 1), flush=True)  # type: ignore[misc]
            except EaselError as error:
                worst = max(worst, complain(f"{name}: {error}", error))
    return worst


def _name(file: Path, word: str, number: int) -> str:
    return f"{file.stem}-{word}{'' if number == 1 else f'-{number}'}{file.suffix}"


def tidy(words: Sequence[str]) -> int:
    parser = Parser("tidy", "Says which input pictures (start pictures, masks) nothing refers to any more; with --yes they are deleted.")
    parser.add_argument("--yes", action="store_true", help="delete them")
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    with opened(options_of(found)) as app:
        idle = app.idle_inputs()
        told = f"{_pictures(len(idle.references))}, {idle.size / 2**20:.1f} MB"
        print(f"{_pictures(idle.kept)} kept: the history or a file in {app.paths.outputs} names them, or they came within the last day.", flush=True)
        if not idle.references:
            print("Nothing to delete.", flush=True)
        elif not found.yes:
            print(
                f"{told}: nothing there names them. Pictures that you moved elsewhere could not be looked at; they could not be rerun without them.", flush=True
            )
            print("To delete them: python launch.py tidy --yes", flush=True)
        else:
            for reference in idle.references:
                app.blobs.drop(reference)
            print(f"{told}: deleted.", flush=True)
    return 0


def _pictures(count: int) -> str:
    return f"{count} input picture{'' if count == 1 else 's'}"
