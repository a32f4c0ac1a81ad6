"""Deleted models: moved, with what lies beside them, into a hidden folder .trash beside them, and back again. Only emptying the trash deletes anything.

The folder lies on the disk that the model lies on, so moving costs nothing; its hidden name keeps it out of every list. Knows no card.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.catalog import beside
from modules.core.errors import NotFound, OutputTrouble
from modules.core.files import make_folder, trouble, write_new

FOLDER = ".trash"
NOTE = "easel-trash.json"
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")


@dataclass(frozen=True)
class Binned:
    """One deletion. place: where it lies now. names: of its files, the model's first. size: bytes together. when: seconds since 1970."""

    id: str
    place: Path
    names: tuple[str, ...]
    size: int
    when: float

    @property
    def home(self) -> Path:
        """The folder that it came from."""
        return self.place.parent.parent


def put(model: Path, name: str) -> Binned:
    """Moves a model and what belongs to it into the trash. name: the card's. Raises OutputTrouble; nothing has moved then."""
    files = [model, *beside.siblings(model, name)]
    id = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
    place = model.parent / FOLDER / id
    make_folder(place)
    write_new(place, lambda _: NOTE, json.dumps({"names": [file.name for file in files]}).encode(), 0)
    _moved([(file, place / file.name) for file in files])
    found = _read(place)
    assert found is not None
    return found


def listed(folders: Iterable[Path]) -> list[Binned]:
    """What lies in the trash of these folders and those below, latest first."""
    found: dict[str, Binned] = {}
    for folder in folders:
        for current, inner, _ in os.walk(folder):
            if FOLDER in inner:
                for place in sorted((Path(current) / FOLDER).iterdir()):
                    if ID.fullmatch(place.name) and (one := _read(place)):
                        found[one.id] = one
            inner[:] = [name for name in inner if not name.startswith(".")]
    return sorted(found.values(), key=lambda one: -one.when)


def restore(one: Binned) -> Path:
    """Back to where it was. -> the model's path. Raises OutputTrouble where another file of that name is there now."""
    taken = next((name for name in one.names if os.path.lexists(one.home / name)), None)
    if taken:
        raise OutputTrouble(f"{taken} is there again: another file has that name now.", "Move or rename that one first.")
    _moved([(one.place / name, one.home / name) for name in one.names])
    _removed(one.place)
    return one.home / one.names[0]


def empty(some: Sequence[Binned]) -> int:
    """Deletes for good. -> bytes that are free now. Raises OutputTrouble."""
    freed = 0
    for one in some:
        try:
            shutil.rmtree(one.place)
        except OSError as error:
            raise trouble(error, one.place) from None
        with contextlib.suppress(OSError):
            one.place.parent.rmdir()
        freed += one.size
    return freed


def find(id: str, folders: Iterable[Path]) -> Binned:
    """Raises NotFound."""
    found = next((one for one in listed(folders) if one.id == id), None)
    if found is None:
        raise NotFound("This is not in the trash any more.", "Look at the list.", "id")
    return found


def _read(place: Path) -> Binned | None:
    try:
        told = json.loads((place / NOTE).read_bytes()[: 2**16])
        names = tuple(name for name in told["names"] if isinstance(name, str) and Path(name).name == name and os.path.lexists(place / name))
        if not names:
            return None
        sizes = [
            sum(file.stat().st_size for file in (place / name).rglob("*") if file.is_file()) if (place / name).is_dir() else (place / name).stat().st_size
            for name in names
        ]
        return Binned(place.name, place, names, sum(sizes), place.stat().st_mtime)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _moved(pairs: Sequence[tuple[Path, Path]]) -> None:
    """All or none."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in pairs:
            os.rename(source, target)
            done.append((source, target))
    except OSError as error:
        for source, target in reversed(done):
            with contextlib.suppress(OSError):
                os.rename(target, source)
        raise trouble(error, pairs[0][1]) from None


def _removed(place: Path) -> None:
    with contextlib.suppress(OSError):
        (place / NOTE).unlink()
        place.rmdir()
        place.parent.rmdir()
