"""kill -9 at random moments: twenty of the loop, some of the whole trainer. It goes on each time, its curve is the uninterrupted one's, and nothing half-written is left."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from modules.core.files import sweep
from modules.training import state
from modules.training.curve import rows
from modules.training.runs import CHECKPOINTS
from tests.conftest import PROJECT
from tests.training.forking import RECIPE, WISH, result

Ask = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that forks, so that torch is imported once")


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """ask("loop" or "trainer", place, name, after): a run that goes on to its end, or until it is killed. -> how it ended, and the seconds."""
    words = [sys.executable, "-m", "tests.training.forking", str(tmp_path_factory.mktemp("warm"))]
    with subprocess.Popen(words, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}) as mother:

        def said(what: str, place: Path, name: str, after: float | None = None) -> dict[str, Any]:
            assert mother.stdin and mother.stdout
            mother.stdin.write(json.dumps({"what": what, "place": str(place), "name": name, "after": after}) + "\n")
            mother.stdin.flush()
            found: dict[str, Any] = json.loads(mother.stdout.readline())
            assert found["ended"] in ("done", "killed"), found
            return found

        try:
            yield said
        finally:
            mother.kill()


def killed(ask: Ask, what: str, place: Path, wanted: int, longest: float, look: Callable[[str], None]) -> list[str]:
    """Runs, one after the other, killed at random moments until so many kills have met a living one; the last of them is left to its end.
    longest: seconds that a run is left alone. look: is told the name after each kill. -> the names of the runs, all of which have come to their end."""
    kills, names = 0, ["killed-0"]
    while True:
        ended = ask(what, place, names[-1], random.uniform(0, longest) if kills < wanted else None)["ended"]
        look(names[-1])
        kills += ended == "killed"
        if ended == "done" and kills == wanted:
            return names
        if ended == "done":
            names.append(f"killed-{len(names)}")


def curve(run: Path) -> list[tuple[Any, ...]]:
    return [(row["step"], row.get("loss"), row.get("measured")) for row in rows(run / "curve.jsonl")]


def test_twenty_kills_of_the_loop(ask: Ask, tmp_path: Path) -> None:
    alone = ask("loop", tmp_path, "whole")["seconds"]

    def look(name: str) -> None:
        kept = tmp_path / name / CHECKPOINTS
        assert state.latest(kept) is not None or not state.listed(kept)  # it raises for one that is not whole

    names = killed(ask, "loop", tmp_path, 20, alone / 4, look)
    whole = state.latest(tmp_path / "whole" / CHECKPOINTS)
    for name in names:
        assert curve(tmp_path / name) == curve(tmp_path / "whole")
        last = state.latest(tmp_path / name / CHECKPOINTS)
        assert last and whole and last.step == whole.step == RECIPE.steps
        assert all(torch.equal(last.tensors[key], tensor) for key, tensor in whole.tensors.items())


def test_kills_of_the_whole_trainer(ask: Ask, home: Path) -> None:
    alone = ask("trainer", home, "whole")["seconds"]
    names = killed(ask, "trainer", home, 4, alone, lambda name: whole_files(home))
    expected = load_file(result(home, "whole"))
    for name in names:
        assert curve(home / "training" / name) == curve(home / "training" / "whole")
        found = load_file(result(home, name))
        assert set(found) == set(expected) and all(torch.equal(found[key], tensor) for key, tensor in expected.items())
        samples = [path.name for path in sorted((home / "training" / name / "samples").iterdir()) if not path.name.startswith(".")]
        assert samples == [f"step-{step:08d}-01.png" for step in range(0, WISH["steps"] + 1, 3)]
    sweep(home)
    assert not list(home.rglob(".easel-*"))


def whole_files(home: Path) -> None:
    """Whatever has its name is whole."""
    for path in home.rglob("[!.]*"):
        if path.suffix == ".safetensors":
            load_file(path)
        elif path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            rows(path)
