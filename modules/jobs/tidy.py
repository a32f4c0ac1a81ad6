"""Finds input pictures that nothing refers to any more. Knows that a request names them by their content, and nothing else of it.

Kept is what the history names, waiting jobs included, what any file among the outputs names, and what came within the last day: it may be in somebody's form.
"""

from __future__ import annotations

import mmap
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.core.blobs import Blobs
from modules.core.errors import OutputTrouble
from modules.jobs.store import Store

YOUNG = 24 * 3600.0
"""Seconds."""
DATABASE = (".db", ".db-wal", ".db-shm", ".db-journal")
"""Endings of the history's own files, which keep for a while what was deleted from it."""
_NAMED = re.compile(rb"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Idle:
    """references: of the inputs that nothing refers to. size: their bytes together. kept: how many others there are."""

    references: tuple[str, ...]
    size: int
    kept: int


def idle(blobs: Blobs, store: Store, folders: Iterable[Path], young: float = YOUNG) -> Idle:
    """Reads every file in the folders of outputs. young: seconds. Raises OutputTrouble where the history or a file cannot be read: then nothing is known to be idle."""
    before = time.time() - young
    named = store.references() | {name for path in _files(folders) for name in _named_in(path)}
    all_of_them = list(blobs.listed())
    found = [(reference, size) for reference, size, brought in all_of_them if brought < before and reference not in named]
    return Idle(tuple(reference for reference, _ in found), sum(size for _, size in found), len(all_of_them) - len(found))


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    """Below these folders, also where one of them is a link; each place once."""
    seen: set[str] = set()
    for folder in folders:
        for place, below, names in os.walk(folder, followlinks=True):
            if os.path.realpath(place) in seen:
                below.clear()
                continue
            seen.add(os.path.realpath(place))
            yield from (path for name in names if not name.endswith(DATABASE) and (path := Path(place, name)).is_file())


def _named_in(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return set()
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return {match.group().decode() for match in _NAMED.finditer(data)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise OutputTrouble(f"{path} cannot be read: {error.strerror or error}.", "Until it can, it is not known which inputs it needs.") from None
