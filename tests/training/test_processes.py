"""The same training on one process and on two: accelerate averages the gradients, and the curve is the same for equal effective batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from modules.training import loop
from modules.training.curve import rows
from tests.conftest import PROJECT
from tests.training import toy


def test_two_processes_take_the_way_of_one(tmp_path: Path) -> None:
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # they meet at a port that is ours already, as torchrun's do at its agent's
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}
    shared = {**os.environ, **meeting, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    pair = [
        subprocess.Popen([sys.executable, "-m", "tests.training.several", str(tmp_path / "two")], cwd=PROJECT, stderr=subprocess.PIPE, text=True, env={**shared, "RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]  # fmt: skip
    said = [one.communicate(timeout=600)[1] for one in pair]
    assert [one.returncode for one in pair] == [0, 0], said
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(batch=2, accumulation=2), loop.Run(tmp_path / "one"))
    curves = [[row["loss"] for row in rows(tmp_path / name / "curve.jsonl") if "loss" in row] for name in ("one", "two")]
    assert len(curves[0]) == toy.STEPS and curves[1] == pytest.approx(curves[0], abs=1e-4)
