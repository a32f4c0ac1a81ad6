"""The pictures and captions that a run was begun with, written down beside its recipe: they decide each of its steps, so a run goes on with these or not at all.

A set stays free: pictures come and go, and captions are mended, while no run on it is under way. No torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from modules.core.errors import InvalidRequest
from modules.core.files import replace
from modules.core.training import TrainingRequest
from modules.training import dataset

NAME = "pictures.json"
LARGEST = 2**30
"""Bytes of what is written down: a full folder's longest captions have some 800 MB."""
SHOWN = 3
"""Pictures that are named of each kind of change."""


class Row(NamedTuple):
    """A picture. digest: sha256 of its file, "" where it was not read; size: of it in bytes, -1 where it cannot be."""

    size: int
    digest: str
    caption: str


Table = Mapping[str, Row]


def pin(place: Path, request: TrainingRequest) -> None:
    """Writes down what a run is begun with. place: its folder. Reads every picture. Raises OutputTrouble."""
    tables = {which: _rows(folder, True) for which, folder in _folders(request).items()}
    replace(place / NAME, json.dumps(tables, separators=(",", ":")).encode())


def pinned(place: Path) -> dict[str, Table] | None:
    """By folder ("data", "prior"), by a picture's name. None of a run that has nothing written down, as those of earlier versions."""
    try:
        with open(place / NAME, "rb") as file:
            tree = json.loads(file.read(LARGEST))
        return {which: {name: Row(*row) for name, row in rows.items()} for which, rows in tree.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def unchanged(place: Path, request: TrainingRequest, whole: bool = True) -> None:
    """whole: every picture is read; else names, sizes and captions tell. Raises InvalidRequest with what is other than when the run was begun."""
    kept = pinned(place)
    if kept is None:
        return
    said: list[str] = []
    for which, folder in _folders(request).items():
        said += changes(kept.get(which, {}), _rows(folder, whole))
    if said:
        what = f"The pictures of {request.name} are others than when it was begun: {'; '.join(said)}."
        remedy = (
            "Put them back as they were and go on, or keep what it has learnt (“Enough, keep it” on the page, or --keep) and train anew under another name."
        )
        raise InvalidRequest(what, remedy, "data.folder")


def changes(before: Table, now: Table) -> list[str]:
    """What is other, as parts of a sentence; [] where nothing is."""
    both = [name for name in before if name in now]
    others = [name for name in both if before[name].size != now[name].size or now[name].digest not in ("", before[name].digest)]
    words = [name for name in both if before[name].caption != now[name].caption]
    rows = (
        ([name for name in now if name not in before], "was added", "were added"),
        ([name for name in before if name not in now], "is gone", "are gone"),
        (others, "is another picture", "are other pictures"),
        (words, "has another caption", "have other captions"),
    )
    said = [f"{_listed(names)} {one if len(names) == 1 else more}" for names, one, more in rows if names]
    if len(words) == 1:
        said[-1] += f" (it was “{before[words[0]].caption[:100]}”)"
    return said


def _rows(folder: Path, whole: bool) -> dict[str, Row]:
    return {entry.name: _row(entry, whole) for entry in dataset.read(folder)[0]}


def _row(entry: dataset.Entry, whole: bool) -> Row:
    try:
        size = entry.path.stat().st_size
        if not whole:
            return Row(size, "", entry.caption)
        with open(entry.path, "rb") as file:
            return Row(size, hashlib.file_digest(file, "sha256").hexdigest(), entry.caption)
    except OSError:
        return Row(-1, "", entry.caption)


def _folders(request: TrainingRequest) -> dict[str, Path]:
    given = {"data": request.data.folder, "prior": request.prior.folder}
    return {which: Path(folder) for which, folder in given.items() if folder}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(name[:100] for name in names[:SHOWN]) + more
