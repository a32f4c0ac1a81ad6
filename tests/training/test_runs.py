"""What is said of runs by what lies in their folders: paused, finished, begun, broken; and curves that grow while they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from modules.core.errors import InvalidRequest, NotFound
from modules.core.params import to_dict
from modules.core.paths import Paths
from modules.core.training import Pictures, TrainingRequest
from modules.training import curve, runs, state
from modules.training.curve import Curve, Followed
from modules.training.state import State


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path, models=tmp_path / "models")


def begun(paths: Paths, name: str, steps: tuple[int, ...] = (), owner: str = "") -> Path:
    place = paths.training / name
    place.mkdir(parents=True)
    request = TrainingRequest(name=name, steps=10, data=Pictures(folder="/nowhere"))
    (place / "recipe.json").write_text(json.dumps({"request": to_dict(request), "facts": {}, "owner": owner}))
    for step in steps:
        state.save(place / "checkpoints", State(step, {"module.x": torch.zeros(3)}))
    return place


def stages(paths: Paths) -> dict[str, tuple[str, int]]:
    return {run.name: (run.stage, run.step) for run in runs.runs(paths)}


def test_stages(paths: Paths) -> None:
    assert runs.runs(paths) == []
    begun(paths, "paused", (2, 4), "ann")
    begun(paths, "begun")
    place = begun(paths, "done", (4,))
    (paths.models / "Lora").mkdir(parents=True)
    (paths.models / "Lora" / "done.safetensors").write_bytes(b"x")
    line = Curve(place / "curve.jsonl", 0)
    line.add({"step": 5, "loss": 0.1})
    cut = begun(paths, "cut", (2, 4)) / "checkpoints" / "step-00000004.safetensors"
    cut.write_bytes(cut.read_bytes()[:-3])
    (begun(paths, "odd") / "recipe.json").write_text("{")
    (paths.training / "cache" / "aa").mkdir(parents=True)
    assert stages(paths) == {"paused": ("paused", 4), "begun": ("begun", 0), "done": ("done", 5), "cut": ("broken", 4), "odd": ("broken", 0)}
    told = {run.name: run for run in runs.runs(paths)}
    assert "the one before it" in told["cut"].trouble and "recipe" in told["odd"].trouble and told["paused"].owner == "ann"
    assert runs.recipe_of(paths.training / "paused").steps == 10


def test_a_discarded_run_lies_aside_whole(paths: Paths) -> None:
    begun(paths, "thing", (2,))
    with pytest.raises(InvalidRequest, match="already"):
        runs.fresh(paths.training / "thing")
    aside = runs.discard("thing", paths)
    assert stages(paths) == {} and (aside / "recipe.json").is_file() and (aside / "checkpoints" / "step-00000002.safetensors").is_file()
    runs.fresh(paths.training / "thing")
    for name in ("thing", "../thing", ".discarded", ""):
        with pytest.raises(NotFound):
            runs.discard(name, paths)


def test_a_curve_is_followed_while_it_grows_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    followed = Followed(path)
    assert followed.rows() == [] and curve.last(path) == 0
    line = Curve(path, 0)
    for step in range(1, 4):
        line.add({"step": step, "loss": 1.0 / step})
    assert followed.rows() == curve.rows(path) and len(followed.rows()) == 3
    with open(path, "a") as file:
        file.write('{"step": 4, "lo')
    assert len(followed.rows()) == 3, "half a line is none yet"
    with open(path, "a") as file:
        file.write('ss": 0.5}\n')
    assert followed.rows()[-1] == {"step": 4, "loss": 0.5} and curve.last(path) == 4
    Curve(path, 2).add({"step": 3, "loss": 7.0})
    assert [row["loss"] for row in followed.rows()] == [1.0, 0.5, 7.0], "what came after the last checkpoint is written again"


def test_a_curve_has_nothing_but_numbers(tmp_path: Path) -> None:
    """What is none is null, as deep as it stands, also where an earlier version wrote it otherwise: a page's JSON has no word for it."""
    path = tmp_path / "curve.jsonl"
    line = Curve(path, 0)
    line.add({"step": 1, "loss": float("nan")})
    line.add({"step": 1, "measured": {"mse": float("nan"), "r2": float("-inf"), "mae": 0.5}, "held_out": True})
    assert "NaN" not in path.read_text() and "Infinity" not in path.read_text()
    with open(path, "a") as file:
        file.write('{"step":2,"measured":{"mse":NaN,"r2":-Infinity},"held_out":true}\n')
    assert curve.rows(path)[1:] == [
        {"step": 1, "measured": {"mse": None, "r2": None, "mae": 0.5}, "held_out": True},
        {"step": 2, "measured": {"mse": None, "r2": None}, "held_out": True},
    ]
    assert json.loads(json.dumps(curve.thinned(Followed(path).rows(), 100), allow_nan=False))["measured"] == [
        [1, None, None, None, 0.5],
        [2, None, None, None, None],
    ]


def test_a_long_curve_is_thinned(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"step": step, "loss": float(step % 2), "rate": 1.0} for step in range(1, 1001)]
    rows += [{"step": 1001, "loss": None, "rate": 1.0}, {"step": 0, "measured": {"mse": 0.5, "rmse": 0.7, "mae": 0.6, "r2": 0.1}, "held_out": True}]
    found = curve.thinned(rows, 100)
    assert len(found["loss"]) <= 100 and found["loss"][-1][0] == 1001 and found["measured"] == [[0, 0.5, 0.1, 0.7, 0.6]]
    assert all(abs((value or 0) - 0.5) < 0.1 for _, value in found["loss"]), "each point is the mean of its neighbours"
    assert curve.thinned([], 100) == {"loss": [], "rate": [], "measured": []}
