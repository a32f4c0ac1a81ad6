"""The loop with a task that costs nothing: it learns, it can be gone on with as if it had never stopped, and what fails leaves the last checkpoint whole."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from modules.core.errors import BadModelFile, EaselError, InvalidRequest, OutputTrouble, Unsupported
from modules.core.result import Cancel, Progress
from modules.core.training import Learning, Watching
from modules.training import loop, state
from modules.training.curve import rows
from modules.training.material import Batch
from modules.training.state import State
from tests.training import toy


def curve(folder: Path) -> list[dict[str, Any]]:
    """Without what the clock says."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows(folder / "curve.jsonl")]


def stopping(after: int, how: Cancel = Cancel.STOP) -> Callable[[], Cancel]:
    """A cancel that comes after so many steps."""
    calls = iter(range(1000))
    return lambda: how if next(calls) >= after else Cancel.NONE


def test_it_learns_and_says_how_well(tmp_path: Path) -> None:
    told: list[Progress] = []
    outcome = loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(steps=60), loop.Run(tmp_path, told.append))
    assert outcome.steps == 60 and outcome.stopped is Cancel.NONE
    assert outcome.last["mse"] < outcome.first["mse"] / 2 and outcome.last["r2"] > outcome.first["r2"]
    assert outcome.last["rmse"] == pytest.approx(outcome.last["mse"] ** 0.5)
    assert [row["step"] for row in curve(tmp_path) if "loss" in row] == list(range(1, 61))
    assert told[-1].step == told[-1].steps == 60 and told[-1].note.startswith("loss 0.")


def test_a_resumed_curve_is_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = toy.Mapping()
    loop.run(whole, toy.Numbers(), toy.recipe(), loop.Run(tmp_path / "whole"))
    paused = loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path / "parts", cancel=stopping(5)))
    assert paused.stopped is Cancel.STOP and paused.steps == 5
    resumed = toy.Mapping(seed=7)
    loop.run(resumed, toy.Numbers(), toy.recipe(resume=True), loop.Run(tmp_path / "parts"))
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")
    for one, other in zip(whole.module.parameters(), resumed.module.parameters(), strict=True):
        assert torch.equal(one, other)


def test_rows_after_the_last_checkpoint_are_written_again(tmp_path: Path) -> None:
    """As a kill between two checkpoints leaves them, half a line at the end."""
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path / "whole"))
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path / "parts"))
    for step in state.listed(tmp_path / "parts" / "checkpoints")[1:]:
        (tmp_path / "parts" / "checkpoints" / f"step-{step:08d}.safetensors").unlink()
    with open(tmp_path / "parts" / "curve.jsonl", "a") as file:
        file.write('{"step":13,"lo')
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(resume=True), loop.Run(tmp_path / "parts"))
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")


def test_enough_keeps_what_was_learnt(tmp_path: Path) -> None:
    outcome = loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path, cancel=stopping(4, Cancel.SKIP)))
    assert outcome.stopped is Cancel.SKIP and outcome.steps == 4
    assert state.listed(tmp_path / "checkpoints")[-1] == 4


@pytest.mark.parametrize(("batch", "accumulation"), [(1, 4), (2, 2), (3, 1)])
def test_a_step_does_not_hang_on_how_it_is_split(tmp_path: Path, batch: int, accumulation: int) -> None:
    """Batches of one pass are accumulated to the gradient of the step's mean."""
    size = batch * accumulation
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(batch=size), loop.Run(tmp_path / "whole"))
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(batch=batch, accumulation=accumulation), loop.Run(tmp_path / "split"))
    whole, split = ([row["loss"] for row in curve(tmp_path / name) if "loss" in row] for name in ("whole", "split"))
    assert split == pytest.approx(whole, abs=1e-5)


def test_a_loss_that_is_no_number_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(EaselError, match="not-a-number at step"):
        loop.run(toy.Mapping(broken_at=15), toy.Numbers(), toy.recipe(), loop.Run(tmp_path))
    last = state.latest(tmp_path / "checkpoints")
    assert last and last.step >= 3 and all(torch.isfinite(tensor.float()).all() for tensor in last.tensors.values())
    assert all(row["step"] <= 12 and row.get("loss") is not None or "measured" in row for row in curve(tmp_path))


class Steep(toy.Mapping):
    """From some call on a loss that is a number, of a gradient that is none: the slope of a root at 0."""

    def losses(self, batch: Batch) -> Tensor:
        weight = self.module.get_parameter("0.weight")
        losses = super().losses(batch)
        return losses + (weight - weight.detach()).abs().sum().sqrt() if self.calls > 14 else losses


@pytest.mark.parametrize("clip", [0.5, 0.0])
def test_a_gradient_that_is_no_number_reaches_no_weight(tmp_path: Path, clip: float) -> None:
    """What was learnt before can be kept, as the remedy says; to go on leads to the same place."""
    recipe = toy.recipe(learning=Learning(rate=0.02, clip=clip, ema=0.9))
    task = Steep()
    with pytest.raises(EaselError, match="gradient became not-a-number at step 9, at a loss of 0") as caught:
        loop.run(task, toy.Numbers(), recipe, loop.Run(tmp_path))
    assert "--keep" in caught.value.remedy and "step 6" in caught.value.remedy and "below 0.02" in caught.value.remedy
    assert all(torch.isfinite(weight).all() for weight in task.module.parameters())
    kept = state.latest(tmp_path / "checkpoints")
    assert kept and kept.step == 6 and all(torch.isfinite(tensor).all() for tensor in kept.tensors.values())
    ended = Steep(seed=7)
    outcome = loop.run(ended, toy.Numbers(), replace(recipe, resume=True, keep=True), loop.Run(tmp_path))
    assert (outcome.steps, outcome.stopped) == (6, Cancel.SKIP)
    assert all(torch.equal(weight, kept.part("ema")[name]) for name, weight in ended.module.named_parameters())


class Wild(toy.Mapping):
    """A gradient that is a number, and a rate that makes weights of it which are none."""

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": self.module.parameters(), "rate": 1e30}]

    def losses(self, batch: Batch) -> Tensor:
        return super().losses(batch) * 1e12


@pytest.mark.parametrize("steps", [1, 4])
def test_weights_that_are_no_numbers_are_never_written(tmp_path: Path, steps: int) -> None:
    """Neither into the last checkpoint, from which the result is made, nor into one that is due before the next step's loss would tell."""
    learning = Learning(rate=1.0, curve="constant", warmup=0.0, optimizer="SGD", clip=0.0)
    recipe = toy.recipe(steps=steps, learning=learning, watching=Watching(measure_every=0, sample_every=0, save_every=1))
    with pytest.raises(EaselError, match="Weights became not-a-number at step 1"):
        loop.run(Wild(), toy.Numbers(), recipe, loop.Run(tmp_path))
    assert not state.listed(tmp_path / "checkpoints")


def test_a_checkpoint_of_weights_that_are_no_numbers_is_named(tmp_path: Path) -> None:
    """As an earlier version could write it."""
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path, cancel=stopping(6)))
    kept = state.latest(tmp_path / "checkpoints")
    assert kept
    kept.tensors["module.0.bias"][0] = float("nan")
    state.save(tmp_path / "checkpoints", State(7, kept.tensors, kept.told))
    with pytest.raises(BadModelFile, match="step-00000007.*no numbers"):
        loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(resume=True), loop.Run(tmp_path))


def test_another_number_of_processes_does_not_go_on(tmp_path: Path) -> None:
    """Each has a batch of its own, so a step would be another one; what was learnt can be kept by any number."""
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path, cancel=stopping(4)))
    kept = state.latest(tmp_path / "checkpoints")
    assert kept
    state.save(tmp_path / "checkpoints", State(5, kept.tensors, {**kept.told, "processes": 2}))
    with pytest.raises(InvalidRequest, match="by 2 processes, and now there is 1"):
        loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(resume=True), loop.Run(tmp_path))
    assert loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(resume=True, keep=True), loop.Run(tmp_path)).steps == 5


class Blind(toy.Mapping):
    """Measured as not-a-number from the second time on, though it learns."""

    looks = 0

    def compare(self, batch: Batch) -> tuple[Tensor, Tensor]:
        prediction, target = super().compare(batch)
        self.looks += not torch.is_grad_enabled()
        return (prediction, target) if torch.is_grad_enabled() or self.looks < 2 else (prediction * float("inf"), target)


def test_a_measurement_that_is_no_number_ends_it(tmp_path: Path) -> None:
    with pytest.raises(EaselError, match="measured as not-a-number after step 3"):
        loop.run(Blind(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path))
    assert not state.listed(tmp_path / "checkpoints") and [row["step"] for row in curve(tmp_path) if "measured" in row] == [0]


def test_a_full_disk_is_said_and_the_checkpoint_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path, cancel=stopping(4)))
    before = {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputTrouble, match="disk is full"):
        loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(resume=True), loop.Run(tmp_path))
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before
    assert loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(resume=True), loop.Run(tmp_path)).steps == toy.STEPS


def test_another_recipe_does_not_go_on(tmp_path: Path) -> None:
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path, cancel=stopping(4)))
    other = replace(toy.recipe(resume=True), learning=Learning(rate=0.5, ema=0.9))
    with pytest.raises(InvalidRequest, match="another recipe"):
        loop.run(toy.Mapping(), toy.Numbers(), other, loop.Run(tmp_path))


def test_only_two_checkpoints_are_kept(tmp_path: Path) -> None:
    loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(), loop.Run(tmp_path))
    assert state.listed(tmp_path / "checkpoints") == [9, 12]
    assert not list(tmp_path.rglob(".easel-*"))


def test_bf16_learns_too_and_fp16_is_refused_on_a_processor(tmp_path: Path) -> None:
    outcome = loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(steps=40, mixed="bf16"), loop.Run(tmp_path))
    assert outcome.last["mse"] < outcome.first["mse"]
    with pytest.raises(Unsupported, match="fp16"):
        loop.run(toy.Mapping(), toy.Numbers(), toy.recipe(mixed="fp16"), loop.Run(tmp_path / "other"))
