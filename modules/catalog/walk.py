"""Finds model files under folders. Knows endings and diffusers folders, reads no file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from modules.catalog import folder


def walk(places: Sequence[Path], endings: tuple[str, ...], *, folders: bool) -> Iterator[tuple[Path, str]]:
    """(path, path within its place) of each file with one of the endings and, if asked for, each diffusers folder.
    Follows links without going in circles, skips hidden ones, names nothing twice."""
    seen: set[str] = set()
    for place in places:
        for current, inner, files in os.walk(place, followlinks=True):
            here = Path(current)
            real = os.path.realpath(current)
            if real in seen:
                inner.clear()
                continue
            seen.add(real)
            if folders and folder.is_folder(here):
                inner.clear()
                yield here, here.relative_to(place).as_posix() if here != place else here.name
                continue
            inner[:] = sorted(name for name in inner if _shown(name))
            for name in sorted(files):
                path = here / name
                if not _shown(name) or not name.lower().endswith(endings) or (real := os.path.realpath(path)) in seen:
                    continue
                seen.add(real)
                yield path, path.relative_to(place).as_posix()


def _shown(name: str) -> bool:
    """Not hidden, and of characters that can be written to a page or a database."""
    return not name.startswith(".") and name.isprintable()


def state(path: Path) -> tuple[str, int, int]:
    """What changes when a file does: its path, size and time of change; -1 where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return str(path), -1, -1
    return str(path), status.st_size, status.st_mtime_ns
