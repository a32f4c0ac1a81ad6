"""The same training by one process and by the command on two: accelerate averages the gradients, and the curve is the same for equal effective batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from modules.training.curve import rows
from tests.conftest import PROJECT
from tests.training.conftest import Train
from tests.training.painting import folder, picture

FLAGS = {"--model": "tiny", "--trigger": "thing", "--side": "64", "--steps": "4", "--batch": "2", "--rate": "0.01", "--measure-every": "2", "--sample-every": "4", "--sample-steps": "1", "--save-every": "2", "--use-cpu": "all"}  # fmt: skip


def test_two_processes_take_the_way_of_one(train: Train, home: Path, tmp_path: Path) -> None:
    pictures = folder(tmp_path / "pictures")
    for number in (1, 3):
        picture(number, 64, 128).save(pictures / f"{number}.png")  # of two shapes, so that a process may have more batches than the other
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # they meet at a port that is ours already, as torchrun's do at its agent's
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}
    shared = {**os.environ, **meeting, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    flags = [word for pair in {**FLAGS, "--name": "two", "--data-dir": str(home)}.items() for word in pair]
    pair = [
        subprocess.Popen([sys.executable, "-m", "modules.cli", "train", "lora", str(pictures), *flags], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**shared, "RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]  # fmt: skip
    said = [one.communicate(timeout=600) for one in pair]
    assert [one.returncode for one in pair] == [0, 0], said
    result = home / "models" / "Lora" / "two.safetensors"
    assert [out for out, _ in said] == [f"{result}\n", ""], "one of them says where it is"
    train(name="one", trigger="thing", data__folder=str(pictures), accumulation=2)
    curves = [[row["loss"] for row in rows(home / "training" / name / "curve.jsonl") if "loss" in row] for name in ("one", "two")]
    assert len(curves[0]) == 4 and curves[1] == pytest.approx(curves[0], abs=1e-4)
    one, two = load_file(result.with_stem("one")), load_file(result)
    assert set(one) == set(two) and all(torch.allclose(one[name], two[name], atol=0.01) for name in one)
    assert sorted(path.name for path in (home / "training" / "two" / "samples").iterdir()) == [
        f"step-{step:08d}-{number:02d}.png" for step in (0, 4) for number in (1, 2)
    ]
