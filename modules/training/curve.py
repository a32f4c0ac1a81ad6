"""A run's curve as lines of JSON: one row for each step, and what was measured. Whoever draws it reads the same file while it grows. No torch.

Rows: {"step", "loss", "rate", "seconds"} of a step; {"step", "measured": {"mse", "rmse", "mae", "r2"}, "held_out": whether that was not trained on}.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.core.files import make_folder, replace, trouble

NAME = "curve.jsonl"
DRAWN = ("mse", "r2", "rmse", "mae")
"""Of what was measured, in the order in which `thinned` has it."""
TAIL = 4096
"""Bytes; a row has some hundred."""


class Curve:
    """path: the file. done: rows of later steps are of a run that was killed after its last checkpoint; they are taken out, to be written again."""

    def __init__(self, path: Path, done: int) -> None:
        self.path = path
        make_folder(path.parent)
        kept = [row for row in rows(path) if row["step"] <= done] if done else []
        replace(path, "".join(_line(row) for row in kept).encode())

    def add(self, row: Mapping[str, Any]) -> None:
        """Raises OutputTrouble, and then leaves half a line at most, which readers pass over."""
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(_line(row))
        except OSError as error:
            raise trouble(error, self.path) from None

    def flush(self) -> None:
        """Everything written is on the disk then."""
        try:
            with open(self.path, "rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise trouble(error, self.path) from None


def rows(path: Path) -> list[dict[str, Any]]:
    """The whole rows of a curve; none of a file that is not there. Never raises."""
    try:
        return list(_read(path.read_bytes()))
    except OSError:
        return []


def last(path: Path) -> int:
    """The step of the last whole row, by the end of the file alone; 0 where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            found = list(_read(file.read()))
    except OSError:
        return 0
    return int(found[-1]["step"]) if found else 0


class Followed:
    """A curve that grows while it is looked at: only what is new is read. Any thread may call it, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[dict[str, Any]] = []
        self._read, self._file = 0, (0, 0)

    def rows(self) -> list[dict[str, Any]]:
        """All whole rows up to now. A curve that was begun anew, or cut back to its last checkpoint, is another file, and is read from its start."""
        try:
            with open(self.path, "rb") as file:
                found = os.fstat(file.fileno())
                if (found.st_dev, found.st_ino) != self._file or found.st_size < self._read:
                    self._rows, self._read, self._file = [], 0, (found.st_dev, found.st_ino)
                file.seek(self._read)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        self._rows += _read(whole)
        return self._rows


def thinned(found: Sequence[Mapping[str, Any]], most: int) -> dict[str, list[list[float | None]]]:
    """What is drawn of a curve: `loss` and `rate` as [step, value], of many steps the mean of each run of neighbours; `measured` as
    [step, mse, r2, rmse, mae], all of it."""
    steps = [row for row in found if "loss" in row]
    size = -(-len(steps) // most) or 1
    groups = [steps[first : first + size] for first in range(0, len(steps), size)]
    measured: list[list[float | None]] = [[row["step"], *(row["measured"].get(name) for name in DRAWN)] for row in found if "measured" in row]
    return {
        "loss": [[group[-1]["step"], _mean([row["loss"] for row in group])] for group in groups],
        "rate": [[group[-1]["step"], group[-1].get("rate")] for group in groups],
        "measured": measured,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _read(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.decode("utf-8", "replace").splitlines(keepends=True):
        if line.endswith("\n"):
            try:
                row = json.loads(line, parse_constant=lambda _: None)  # what is no number has no place in a curve, nor in a page's JSON
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                yield row


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(_finite(row), separators=(",", ":"), allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """None in place of every not-a-number, at any depth."""
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
