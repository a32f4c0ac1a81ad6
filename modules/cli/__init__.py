"""The face for terminals: sub-commands `serve`, `generate`, `train`, `rerun`, `pack`, `clean`, `tidy`, `test`, `doctor`,
`models`, `import-a1111`, `inspect`, `convert` and `merge`.

Turns words into Options and requests, and errors into one line on stderr with an exit code: 0 done, 1 trouble on the way, 2 bad input.
Imports neither torch nor gradio, so `--help` answers at once. Knows no web server: whoever starts us hands over how to serve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from modules.app import App
from modules.cli import adopt, doctor, files, generate, inputs, models, rerun, tests, train
from modules.cli.complaint import complain
from modules.cli.environment import keep_to_ourselves
from modules.cli.flags import folded, options_of, serve_parser
from modules.cli.generate import INTERRUPTED
from modules.cli.parser import BadWords, nearest
from modules.core.errors import EaselError
from modules.core.options import Options

Serve = Callable[[App, Options], int]
"""Serves until it is told to end; -> exit code."""

COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "generate": generate.run,
    "train": train.run,
    "rerun": rerun.run,
    "pack": inputs.pack,
    "clean": inputs.strip,
    "tidy": inputs.tidy,
    "test": tests.run,
    "doctor": doctor.run,
    "models": models.run,
    "import-a1111": adopt.run,
    "inspect": files.inspect,
    "convert": files.convert,
    "merge": files.merge_files,
}


def main(words: Sequence[str], serve: Serve) -> int:
    """Runs one sub-command; `serve` when none is named. -> exit code."""
    keep_to_ourselves()
    try:
        name, rest = command_of(folded(words))
        if name == "serve":
            options = options_of(serve_parser().read(rest))
            return serve(App(options), options)
        return COMMANDS[name](rest)
    except (BadWords, EaselError) as error:
        return complain(str(error), error)
    except KeyboardInterrupt:
        return INTERRUPTED


def command_of(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The sub-command and what follows it. Raises BadWords for a word that is none."""
    if not words or words[0].startswith("-"):
        return "serve", words
    if words[0] not in ("serve", *COMMANDS):
        raise BadWords(f"There is no command {words[0][:80]!r}. {nearest(words[0], ['serve', *COMMANDS])}")
    return words[0], words[1:]
