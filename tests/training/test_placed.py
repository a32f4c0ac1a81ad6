"""Where it trains: wherever a model's weights wait while it draws, they are all there while it learns; and what it draws meanwhile is drawn by that very model."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from safetensors.torch import load_file

from modules.core.errors import OutOfMemory
from modules.core.options import DeviceOptions
from modules.core.result import Cancel
from modules.core.training import TrainingRequest
from modules.engine.generate import Engine
from modules.memory.device import Machine
from modules.training import loop
from modules.training.curve import rows
from modules.training.trainer import Trainer
from tests.training import toy
from tests.training.conftest import Train, engine_in, training

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def waiting(home: Path) -> Engine:
    """One layer at a time, the others in a file."""
    return engine_in(home, DeviceOptions(placement="lowvram"))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def test_a_whole_unet_learns_where_weights_wait_on_the_disk(train: Train, waiting: Engine, home: Path) -> None:
    how = {"what": "unet", "model": "spread", "steps": 3, "learning__rate": 0.003, "watching__measure_every": 1}
    train(name="here", **how)
    training(waiting, home)(name="waited", **how)
    folder = home / "models" / "Stable-diffusion"
    before, here, waited = (load_file(folder / name / UNET) for name in ("spread", "here", "waited"))
    assert all(torch.equal(waited[name], here[name]) for name in here)
    assert sum(not torch.equal(waited[name], before[name]) for name in before) > len(before) / 2
    measured = [row["measured"] for row in rows(home / "training" / "waited" / "curve.jsonl") if "measured" in row]
    assert measured[-1]["mse"] != measured[0]["mse"]


def test_a_lora_learns_there_and_afterwards_weights_wait_again(train: Train, waiting: Engine, home: Path) -> None:
    placed = waiting.models.load(waiting.shelf.hashed(waiting.shelf.checkpoint("tiny")), "fp32").placed
    seen: list[str] = []

    def look() -> Cancel:
        seen.append(placed.where)
        assert waiting.models.frugal(placed) is None, "the ladder leaves it alone"
        return Cancel.NONE

    training(waiting, home)(name="layers", steps=2, cancel=look)
    assert set(seen) == {"resident"} and placed.where == "lowvram"
    train(name="resident", steps=2)
    one, other = (load_file(home / "models" / "Lora" / f"{name}.safetensors") for name in ("layers", "resident"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_that_does_not_fit_whole_is_said_before_it_learns(waiting: Engine, home: Path) -> None:
    @dataclass(frozen=True)
    class Full(Machine):
        def free(self) -> int:
            return 0

    trainer: Trainer = waiting.others[TrainingRequest].__self__  # type: ignore[attr-defined]
    waiting.others[TrainingRequest] = replace(trainer, machine=Full(**vars(trainer.machine))).run
    try:
        with pytest.raises(OutOfMemory, match="does not fit .* 0 MB are free"):
            training(waiting, home)(name="large")
    finally:
        waiting.others[TrainingRequest] = trainer.run
    assert not (home / "training" / "large" / "checkpoints").exists()


def test_samples_are_of_the_model_that_learns_whatever_the_start_said_of_texts(home: Path) -> None:
    apart = engine_in(home, DeviceOptions(texts="bf16"))
    training(apart, home)(name="seen", model="spread", trigger="thing", learning__rate=0.1, watching__sample_every=4)
    first, last = (pixels((home / "training" / "seen" / "samples" / f"step-{step:08d}-01.png").read_bytes()) for step in (0, 4))
    assert np.abs(first - last).max() > 8


def test_it_stays_on_the_device_that_was_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path / "one"))
    monkeypatch.setattr(Accelerator, "device", property(lambda self: torch.device("meta")))  # as accelerate's first GPU, where another was asked for
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path / "other"))
    curves = [[row.get("loss") for row in rows(tmp_path / name / "curve.jsonl")] for name in ("one", "other")]
    assert curves[0] == curves[1]
