"""Finds model files under folders. Knows endings and diffusers folders, reads no file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from modules.catalog import folder, naming

BESIDE = (".yaml", ".easel.json")
"""What beside a file changes its card."""

State = tuple[str, int, int]


class Found(NamedTuple):
    """inside: its path within the place that was searched, with forward slashes. states: what changes when the file or what lies beside it does;
    empty for a folder, which changes within."""

    path: Path
    inside: str
    states: tuple[State, ...]


def walk(places: Sequence[Path], endings: tuple[str, ...], *, folders: bool) -> Iterator[Found]:
    """Each file with one of the endings and, if asked for, each diffusers folder. Of a model in several files the first.
    Follows links without going in circles, skips hidden ones, names nothing twice."""
    seen: set[str] = set()
    for place in places:
        yield from _under(str(place), os.path.realpath(place), "", endings, folders, seen)


def _under(here: str, real: str, inside: str, endings: tuple[str, ...], folders: bool, seen: set[str]) -> Iterator[Found]:
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(here) as found:
            entries = sorted((entry for entry in found if _shown(entry.name)), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    if folders and folder.INDEX in names:
        yield Found(Path(here), inside or os.path.basename(here), ())
        return
    inner = []
    for entry in entries:
        if _is_folder(entry):
            inner.append(entry)
        elif entry.name.lower().endswith(endings) and not naming.is_later_part(entry.name):
            target = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)
            if target not in seen:
                seen.add(target)
                stem = os.path.splitext(entry.path)[0]
                beside = [state(f"{stem}{ending}") for ending in BESIDE if f"{os.path.splitext(entry.name)[0]}{ending}" in names]
                yield Found(Path(entry.path), f"{inside}/{entry.name}".lstrip("/"), (_state(entry), *beside))
    for entry in inner:
        target = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)
        yield from _under(entry.path, target, f"{inside}/{entry.name}".lstrip("/"), endings, folders, seen)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _shown(name: str) -> bool:
    """Not hidden, and of characters that can be written to a page or a database."""
    return not name.startswith(".") and name.isprintable()


def _state(entry: os.DirEntry[str]) -> State:
    try:
        status = entry.stat()
    except OSError:
        return entry.path, -1, -1
    return entry.path, status.st_size, status.st_mtime_ns


def state(path: Path | str) -> State:
    """What changes when a file does: its path, size and time of change; -1 where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return str(path), -1, -1
    return str(path), status.st_size, status.st_mtime_ns
