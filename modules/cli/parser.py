"""A parser of words that never exits by itself and offers the nearest flag for an unknown one. Knows no flag in particular."""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

from modules.cli.a1111 import WITHOUT_MEANING


class BadWords(Exception):
    """What was typed cannot be understood; the message is for the person who typed it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence with the names near `word`, or with all of them when none is near and they are few."""
    known = sorted(set(known))
    close = difflib.get_close_matches(word, known, 3, 0.6) or (known if len(known) < 8 else [])
    return f"Near it: {', '.join(close)}." if close else "See --help for all."


class Parser(argparse.ArgumentParser):
    """Flags are spelled whole. Known flags of AUTOMATIC1111 that mean nothing here are taken, with what follows them, and warned about once."""

    def __init__(self, command: str, text: str) -> None:
        def formatter(prog: str) -> argparse.HelpFormatter:
            return argparse.HelpFormatter(prog, max_help_position=32, width=min(shutil.get_terminal_size((110, 24)).columns, 140))

        usage = f"python launch.py {command} [flags]"
        super().__init__(prog=f"python launch.py {command}", usage=usage, description=text, allow_abbrev=False, formatter_class=formatter)

    def error(self, message: str) -> NoReturn:
        raise BadWords(f"{message[:1].upper()}{message[1:].rstrip('.')}. See --help.")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Raises BadWords."""
        for flag in WITHOUT_MEANING:
            if flag.name not in self._option_string_actions:
                takes = {"nargs": "?", "const": ""} if flag.takes else {"action": "store_const", "const": ""}
                self.add_argument(flag.name, dest=_dest(flag.name), default=None, help=argparse.SUPPRESS, **takes)  # type: ignore[arg-type]
        found, unknown = self.parse_known_args(list(words))
        if unknown:
            self._refuse(unknown[0])
        for flag in WITHOUT_MEANING:
            if getattr(found, _dest(flag.name), None) is not None:
                print(f"warning: {flag.name} is ignored: {flag.reason}.", file=sys.stderr, flush=True)
        return found

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-"):
            raise BadWords(f"{word[:80]!r} is one word too many. Put a text with spaces in quotes.")
        flag = word.split("=", 1)[0]
        shown = [name for name, action in self._option_string_actions.items() if action.help is not argparse.SUPPRESS]
        raise BadWords(f"There is no flag {flag[:80]}. {nearest(flag, shown)}")


def _dest(name: str) -> str:
    return "ignored " + name
