"""A run that rests in its folder, as a pause leaves it, with pictures that it was begun with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from modules.core.params import with_values
from modules.core.training import TrainingRequest, fingerprint
from modules.training import state
from modules.training.resuming import write_recipe
from modules.training.state import State
from tests.training.painting import folder

STEPS = 1000


def rest(data: Path, name: str = "thing", done: int = 600, owner: str = "", **values: object) -> TrainingRequest:
    """-> its recipe: a cosine over a thousand steps, if nothing else is said. done: steps of its only checkpoint, 0 for none."""
    pictures = data / "pictures"
    if not pictures.exists():
        folder(pictures)
    plain = {"name": name, "trigger": name, "steps": STEPS, "learning.rate": 0.001, "data.folder": str(pictures)}
    request = with_values(TrainingRequest(), {**plain, **{key.replace("__", "."): value for key, value in values.items()}})
    place = data / "training" / name
    place.mkdir(parents=True)
    write_recipe(place, request, {}, owner)
    if done:
        told = {"recipe": fingerprint(replace(request, resume=True)), "steps": request.steps}
        state.save(place / "checkpoints", State(done, {"module.x": torch.zeros(3)}, told))
    return request
