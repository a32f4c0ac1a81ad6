"""A run's curve as lines of JSON: one row for each step, and what was measured. Whoever draws it reads the same file while it grows. No torch.

Rows: {"step", "loss", "rate", "seconds"} of a step; {"step", "measured": {"mse", "rmse", "mae", "r2"}, "held_out": whether that was not trained on}.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.core.files import make_folder, replace, trouble

NAME = "curve.jsonl"


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
        text = path.read_text("utf-8", "replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                found.append(row)
    return found


def _line(row: Mapping[str, Any]) -> str:
    plain = {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}
    return json.dumps(plain, separators=(",", ":")) + "\n"
