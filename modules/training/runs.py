"""What lies in the folders of trainings: which runs there are, how far each came, and whether it can be gone on with. Reads JSON and headers; no torch."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modules.catalog import header
from modules.core.errors import BadModelFile, InvalidRequest, NotFound
from modules.core.files import make_folder, trouble
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.training import TrainingRequest
from modules.training import curve
from modules.training.places import place_of

RECIPE = "recipe.json"
CHECKPOINTS = "checkpoints"
SHEET = "before-and-after.png"
ASIDE = ".discarded"
"""Where runs go that nobody wants any more; nothing in there is deleted."""
NAME = re.compile(r"step-([0-9]{8})\.safetensors")
LARGEST = 2**22
"""Bytes of a recipe."""

Stage = Literal["done", "paused", "begun", "broken"]


@dataclass(frozen=True)
class Run:
    """stage: done: its result is there; paused: it can be gone on with; begun: it has no checkpoint yet; broken: somebody must look at it, `trouble` says why.
    step: that was done last, and is kept. changed: seconds since 1970. owner: who began it, "" for anyone. result: where that lies, or would."""

    name: str
    stage: Stage
    step: int = 0
    changed: float = 0.0
    owner: str = ""
    trouble: str = ""
    request: TrainingRequest | None = None
    result: Path | None = None


def listed(folder: Path) -> list[int]:
    """The steps of a run's checkpoints that are there, ascending."""
    with contextlib.suppress(OSError):
        return sorted(int(found[1]) for path in folder.iterdir() if (found := NAME.fullmatch(path.name)))
    return []


def fresh(folder: Path) -> None:
    """Raises InvalidRequest where a run of this name has something that a new one would lose."""
    if steps := listed(folder / CHECKPOINTS):
        raise InvalidRequest(f"There is a run {folder.name!r} already, of {steps[-1]} steps.", "Go on with it (--resume), or choose another name.", "name")


def recipe_of(folder: Path) -> TrainingRequest:
    """What a run was begun with. Raises NotFound, InvalidRequest."""
    return _told(folder)[0]


def owner_of(folder: Path) -> str:
    """Who began a run, "" for anyone. Raises NotFound."""
    return _told(folder)[1]


def checkpoint(folder: Path, step: int) -> Path:
    """A run's file of that step."""
    return folder / CHECKPOINTS / f"step-{step:08d}.safetensors"


def run_of(name: str, paths: Paths) -> Run:
    """Raises NotFound where there is no run of this name."""
    folder = paths.training / name
    if name.startswith(".") or Path(name).name != name or not os.path.lexists(folder / RECIPE):
        raise NotFound(f"There is no run {name[:80]!r}.", "Look at the list of runs.", "name")
    changed = _changed(folder)
    steps = listed(folder / CHECKPOINTS)
    step = max(steps[-1] if steps else 0, 0)
    try:
        request, owner = _told(folder)
    except (NotFound, InvalidRequest):
        return Run(name, "broken", step, changed, trouble="Its recipe cannot be read. What was learnt lies in its checkpoints.")
    result = place_of(request, paths)
    if os.path.lexists(result):
        return Run(name, "done", curve.last(folder / curve.NAME) or step, changed, owner, request=request, result=result)
    if not steps:
        return Run(name, "begun", 0, changed, owner, request=request, result=result)
    try:
        header.read(checkpoint(folder, step))
    except BadModelFile as error:
        remedy = "Delete it; the one before it then serves." if len(steps) > 1 else "It was the only one: discard the run, and train anew."
        return Run(name, "broken", step, changed, owner, f"{error.what} {remedy}", request, result)
    return Run(name, "paused", step, changed, owner, request=request, result=result)


def runs(paths: Paths) -> list[Run]:
    """All of them, the newest first."""
    try:
        names = [place.name for place in os.scandir(paths.training) if place.is_dir() and not place.name.startswith(".")]
    except OSError:
        return []
    found = []
    for name in names:
        with contextlib.suppress(NotFound):
            found.append(run_of(name, paths))
    return sorted(found, key=lambda run: (-run.changed, run.name))


def discard(name: str, paths: Paths) -> Path:
    """Lays a run aside, whole. -> where it lies now. Raises NotFound, OutputTrouble."""
    folder = run_of(name, paths).name
    aside = paths.training / ASIDE / f"{folder} {time.strftime('%Y-%m-%d %H%M%S')} {secrets.token_hex(2)}"
    make_folder(aside.parent)
    try:
        os.rename(paths.training / folder, aside)
    except OSError as error:
        raise trouble(error, aside) from None
    return aside


def _told(folder: Path) -> tuple[TrainingRequest, str]:
    try:
        with open(folder / RECIPE, "rb") as file:
            tree: dict[str, Any] = json.loads(file.read(LARGEST))
        return from_dict(TrainingRequest, tree["request"]), str(tree.get("owner", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotFound(f"There is no run {folder.name!r} to go on with.", "Look at the names in the folder training.", "name") from None


def _changed(folder: Path) -> float:
    for name in (curve.NAME, RECIPE):
        with contextlib.suppress(OSError):
            return (folder / name).stat().st_mtime
    return 0.0
