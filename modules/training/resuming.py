"""Going on with a run as it was begun: its recipe, and whether its newest checkpoint was made with that. Reads JSON and headers; no torch.

The recipe is written once. Of a run that has checkpoints only the number of steps may become another one, and only where no step's learning rate hangs on it
(`core.training.fingerprint`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.catalog import header
from modules.core.errors import BadModelFile, InvalidRequest
from modules.core.files import replace
from modules.core.params import to_dict, with_values
from modules.core.training import TrainingRequest, fingerprint
from modules.training.runs import CHECKPOINTS, RECIPE, checkpoint, listed, owner_of, recipe_of


def resumed(folder: Path, steps: int = 0, keep: bool = False) -> TrainingRequest:
    """What goes on with a run. steps: in all, 0 for as many as it was begun with. keep: to no further step; what was learnt so far becomes the result. Raises
    NotFound, BadModelFile, and InvalidRequest for what the newest checkpoint does not belong to."""
    kept = recipe_of(folder)
    at = listed(folder / CHECKPOINTS)
    if not at:
        if keep:
            raise InvalidRequest(f"{folder.name} has no checkpoint yet, so there is nothing to keep.", "Go on with it, or discard it.", "keep")
        return _with(kept, steps or kept.steps)
    made, planned = _told(folder, at[-1])
    planned = planned or kept.steps
    wishes = [_with(kept, number, keep) for number in ([steps] if steps else [kept.steps, planned])]
    found = next((wish for wish in wishes if fingerprint(wish) == made), None)
    if found is None and steps and fingerprint(_with(kept, planned)) == made:
        what = f"The learning rate of {folder.name} is laid out over {planned} steps, and cannot be over {steps} any more."
        raise InvalidRequest(what, "Go on without naming the steps, or train anew under another name.", "steps")
    if found is None:
        what = f"The checkpoints of {folder.name} were made with another recipe than the one that lies beside them."
        raise InvalidRequest(what, "If only the number of steps was changed, name the one it was begun with. Otherwise discard it, and train anew.", "resume")
    if steps and steps < at[-1] and not keep:
        raise InvalidRequest(
            f"{folder.name} has learnt {at[-1]} steps already, and is to end after {steps}.", "Name more, or keep what it has learnt.", "steps"
        )
    return found


def write_recipe(folder: Path, request: TrainingRequest, facts: Mapping[str, str], owner: str) -> None:
    """Of a run without checkpoints: what it is begun with, on which machine, by whom. Of another one: the steps that it goes on to. Raises OutputTrouble."""
    tree = to_dict(request) | {"resume": False, "keep": False}
    if listed(folder / CHECKPOINTS):
        kept = recipe_of(folder)
        if kept.steps == request.steps:
            return
        tree, owner = to_dict(kept) | {"steps": request.steps}, owner_of(folder)
    replace(folder / RECIPE, json.dumps({"request": tree, "facts": dict(facts), "owner": owner}, indent=1).encode())


def _with(kept: TrainingRequest, steps: int, keep: bool = False) -> TrainingRequest:
    return with_values(kept, {"resume": True, "keep": keep, "steps": steps})


def _told(folder: Path, step: int) -> tuple[str, int]:
    """The fingerprint of the recipe that a checkpoint was made with, and the steps of that; 0 where it does not tell. Raises BadModelFile."""
    path = checkpoint(folder, step)
    try:
        told: Any = json.loads(header.read(path).metadata["told"])
        return str(told["recipe"]), int(told.get("steps", 0))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise BadModelFile(f"The checkpoint {path.name} does not tell which run it belongs to.", "Delete it; the one before it then serves.") from None
