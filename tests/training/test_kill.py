"""kill -9 at twenty random moments of one run: it goes on each time, and its curve is the uninterrupted one's."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modules.training import loop, state
from modules.training.curve import rows
from tests.conftest import PROJECT
from tests.training import toy
from tests.training.forking import RECIPE

KILLS = 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that forks, so that torch is imported once")
def test_twenty_kills(tmp_path: Path) -> None:
    loop.run(toy.Mapping(), toy.Numbers(), RECIPE, loop.Run(tmp_path / "whole"))
    run = tmp_path / "killed"
    kills = 0
    with subprocess.Popen([sys.executable, "-m", "tests.training.forking", str(run)], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}) as mother:  # fmt: skip
        assert mother.stdin and mother.stdout
        try:
            for round in range(1000):
                mother.stdin.write("go\n")
                mother.stdin.flush()
                child = int(mother.stdout.readline())
                if kills < KILLS:
                    target = RECIPE.steps * (round + 1) // (KILLS + 1)  # so that every kill meets a run that is alive
                    while at(run) < target and mother.poll() is None:
                        time.sleep(0.001)
                    time.sleep(random.uniform(0, 0.01))
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                ended = mother.stdout.readline().strip()
                kills += ended == f"signal {signal.SIGKILL.value}"
                whole = state.latest(run / "checkpoints")  # raises for one that is not whole
                assert whole is not None or not state.listed(run / "checkpoints")
                if ended == "done":
                    break
        finally:
            mother.kill()
    assert kills >= KILLS // 2, "most kills met a living run"
    curves = [[(row["step"], row.get("loss"), row.get("measured")) for row in rows(folder / "curve.jsonl")] for folder in (run, tmp_path / "whole")]
    assert curves[0] == curves[1]
    last = [state.latest(folder / "checkpoints") for folder in (run, tmp_path / "whole")]
    assert last[0] and last[1] and last[0].step == last[1].step == RECIPE.steps
    assert all((last[0].tensors[name] == tensor).all() for name, tensor in last[1].tensors.items())


def at(run: Path) -> int:
    """The last step that the curve tells."""
    found = rows(run / "curve.jsonl")
    return found[-1]["step"] if found else 0
