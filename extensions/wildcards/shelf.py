"""The wildcard files of this machine: names, and the lines to choose from. A name is looked up in this list and never put into a path."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path

from .grammar import weighted

FILES = 20_000
"""Files that are listed."""
BYTES = 16 * 2**20
"""Of one file; a longer one is read up to there."""
GLANCE = 2**11
"""Bytes that are read of a file to say what is in it."""
LEVELS = 8
"""Folders inside folders."""


@dataclass(frozen=True)
class Lines:
    """texts: to choose from. weights: beside them; empty where all weigh the same."""

    texts: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()


class Shelf:
    """folders: where wildcards lie, the first one first: of two files with one name the first counts. Any thread may call anything."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[tuple[int, int], Lines]] = {}

    def names(self) -> dict[str, Path]:
        """Every wildcard's name as it is written between the underscores, sorted, and its file."""
        found: dict[str, Path] = {}
        for folder in self.folders:
            for path in _files(folder):
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
        return dict(sorted(found.items(), key=lambda one: one[0].casefold()))

    def look_up(self) -> Callable[[str], Lines | None]:
        """What a name stands for as the files are now, with * and ? of all that fit; None when there is no such file. For one text: it does not look again."""

        @cache
        def known() -> dict[str, Path]:
            return self.names()

        @cache
        def lines(name: str) -> Lines | None:
            fitting = _pattern(name)
            parts = [self.lines(path) for one, path in known().items() if fitting.fullmatch(one)]
            if len(parts) < 2:
                return parts[0] if parts else None
            weights = [part.weights or (1.0,) * len(part.texts) for part in parts] if any(part.weights for part in parts) else []
            return Lines(tuple(chain.from_iterable(part.texts for part in parts)), tuple(chain.from_iterable(weights)))

        return lines

    def lines(self, path: Path) -> Lines:
        """A file's lines, read again when it has changed. One that cannot be read has none."""
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            with self._lock:
                before = self._read.get(path)
            if before and before[0] == stamp:
                return before[1]
            with path.open("rb") as file:
                found = read(file.read(BYTES).decode("utf-8-sig", "replace"))
        except OSError:
            return Lines()
        with self._lock:
            self._read[path] = (stamp, found)
        return found


def glance(path: Path) -> tuple[tuple[str, ...], bool]:
    """The first lines of a file, and whether they are all of it; without keeping any."""
    try:
        with path.open("rb") as file:
            data = file.read(GLANCE + 1)
    except OSError:
        return (), True
    whole = len(data) <= GLANCE
    texts = read(data[:GLANCE].decode("utf-8-sig", "replace")).texts
    return texts if whole else texts[:-1], whole


def read(text: str) -> Lines:
    """One choice per line; empty lines and those that begin with # are none. A weight stands in front: 2::cat."""
    pairs = [weighted(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    weights = tuple(weight for weight, _ in pairs)
    return Lines(tuple(text for _, text in pairs), weights if set(weights) - {1.0} else ())


def _files(folder: Path) -> Iterator[Path]:
    """The text files of a folder and of those in it, in order."""
    count = 0
    for place, folders, files in os.walk(folder):
        inside = Path(place).relative_to(folder)
        folders[:] = sorted(one for one in folders if not one.startswith(".")) if len(inside.parts) < LEVELS else []
        for name in sorted(files):
            if name.lower().endswith(".txt") and not name.startswith("."):
                yield Path(place, name)
                count += 1
        if count >= FILES:
            return


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[str]:
    """* and ? stay inside of a folder, ** does not; upper and lower case are the same."""
    parts = re.split(r"(\*\*/?|\*|\?)", name.strip("/ "))
    marks = {"*": "[^/]*", "?": "[^/]", "**": ".*", "**/": "(?:.*/)?"}
    return re.compile("".join(marks.get(part, re.escape(part)) for part in parts), re.IGNORECASE)
