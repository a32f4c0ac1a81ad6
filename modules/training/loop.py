"""The one loop of every training, over accelerate: on one process or on several, with checkpoints to go on from, a curve, and measurements on fixed samples.

Knows no network, no file of pictures and no format of results: a `Task` says what is learnt, `Data` what from. Every chance comes from the step's own
seeds (`order`), so a resumed run and a run on several processes take the way that an uninterrupted one takes alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, broadcast_object_list
from torch import Tensor, nn

from modules.core.errors import BadModelFile, EaselError, InvalidRequest, Unsupported
from modules.core.result import Cancel, Progress
from modules.core.training import TrainingRequest, fingerprint
from modules.training import rates, state
from modules.training.averages import Averages, trained
from modules.training.curve import NAME as CURVE
from modules.training.curve import Curve, rows
from modules.training.material import Batch, Data
from modules.training.measures import Measures
from modules.training.order import Order
from modules.training.runs import CHECKPOINTS
from modules.training.state import State

SMALLEST_SCALE = 1.0
"""Of half-precision gradients: where they overflow without being enlarged, to make them smaller still loses what they say."""


class Task(Protocol):
    """What is learnt."""

    @property
    def module(self) -> nn.Module:
        """Holds every weight that is trained, and nothing else of weight; checkpoints keep what of it is trained."""

    def groups(self) -> list[dict[str, Any]]:
        """Weights with their learning rates: {"params", "rate"}."""

    def losses(self, batch: Batch) -> Tensor:
        """Of each sample, [B], with whatever belongs to the loss."""

    def compare(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What is predicted and what would be right, of one shape, without anything dropped."""


@dataclass(frozen=True)
class Run:
    """Where a run lies and who watches it. report: told of progress. cancel: asked at each step; stop: a checkpoint is written and the run can be gone on
    with; skip: it is enough, what was learnt is kept. samples: draws with the weights as they are, told the step; called between steps."""

    folder: Path
    report: Callable[[Progress], None] = lambda progress: None
    cancel: Callable[[], Cancel] = lambda: Cancel.NONE
    samples: Callable[[int], None] = lambda step: None
    device: str = "cpu"


@dataclass(frozen=True)
class Outcome:
    """steps: that were done. stopped: whether somebody ended it before its last step. measured: at the start and at the end."""

    steps: int
    stopped: Cancel
    first: dict[str, float]
    last: dict[str, float]


class _Trained(nn.Module):
    """What accelerate wraps. The task itself is no module, so its frozen networks are not among the weights."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.module, self._task = task.module, task

    def forward(self, batch: Callable[[], Batch]) -> Tensor:
        """batch: in a function, so that nobody on the way here moves its tensors to a device."""
        return self._task.losses(batch())


def run(task: Task, data: Data, recipe: TrainingRequest, place: Run) -> Outcome:
    """Trains to the recipe's last step, or until somebody cancels; the module then has the weights to keep: the averages, where there are some. Raises EaselError; the last checkpoint stays whole whatever happens."""
    if recipe.mixed == "fp16" and place.device == "cpu":
        raise Unsupported("A processor does not compute in fp16.", "Choose bf16, or no mixed precision.", "mixed")
    AcceleratorState._reset_state(True)  # an earlier training of this process may have computed in other numbers
    accelerator = Accelerator(
        mixed_precision=recipe.mixed,
        cpu=place.device == "cpu",
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        step_scheduler_with_optimizer=False,
    )
    told = torch.device(place.device).index
    if accelerator.num_processes > 1 and told not in (None, accelerator.device.index):
        what = f"Process {accelerator.process_index} of {accelerator.num_processes} is to train on {place.device}, but {accelerator.device} is its own."
        raise InvalidRequest(what, "Leave out --device and --device-id: several processes take a GPU each.")
    try:
        return _Loop(task, data, recipe, place, accelerator).run()
    finally:
        accelerator.free_memory()
        AcceleratorState._reset_state(True)


class _Loop:
    def __init__(self, task: Task, data: Data, recipe: TrainingRequest, place: Run, accelerator: Accelerator) -> None:
        self.task, self.data, self.recipe, self.place, self.accelerator = task, data, recipe, place, accelerator
        self.size = recipe.batch * recipe.accumulation * accelerator.num_processes
        self.order = Order(recipe.seed, data.own, data.prior, recipe.prior.share)
        self.network: nn.Module
        self.network, self.optimizer = accelerator.prepare(
            _Trained(task), rates.optimizer(recipe.learning, task.groups(), place.device), device_placement=[False, False]
        )
        self.averages = Averages(task.module, recipe.learning.ema)
        self.done = self._resumed() if recipe.resume else 0
        self.curve = Curve(place.folder / CURVE, self.done) if accelerator.is_main_process else None
        begun: dict[str, float | None] = next((row["measured"] for row in rows(place.folder / CURVE) if "measured" in row), {})
        self.measured = {name: value for name, value in begun.items() if value is not None}
        self.first = self.measured

    def run(self) -> Outcome:
        began, done_before = time.monotonic(), self.done
        if not self.done:
            self._look()
            self.first = self.measured
        stopped = Cancel.SKIP if self.recipe.keep else self._asked()
        while self.done < self.recipe.steps and stopped is Cancel.NONE:
            loss, rate = self._step(self.done)
            self.averages.update(self.done)
            self.done += 1
            seconds = time.monotonic() - began
            self._note({"step": self.done, "loss": loss, "rate": rate, "seconds": round(seconds, 3)})
            self._tell(f"loss {loss:.4f}")
            self._look()
            if self._due(self.recipe.watching.save_every) and self.done < self.recipe.steps:
                self._save()  # last of all: whoever goes on from here finds everything of this step in the curve
            stopped = self._asked()
        if self.done > done_before or not state.listed(self.place.folder / CHECKPOINTS):
            self._save()
        self.averages.settle()
        return Outcome(self.done, stopped if self.done < self.recipe.steps else Cancel.NONE, self.first, self.measured)

    def _step(self, step: int) -> tuple[float, float]:
        """One optimizer step. -> the mean loss of its samples, and the learning rate of the first group. Every process has its share of the samples; the
        gradient is that of the mean over all of them, however they are split into batches. Raises EaselError before a loss or gradient that is no number reaches
        a weight."""
        recipe, accelerator = self.recipe, self.accelerator
        draws = self.order.step(step, self.size)
        own = draws[accelerator.process_index :: accelerator.num_processes]
        batches = self.data.batches(own, recipe.batch)
        share = rates.share(recipe.learning.curve, recipe.learning.warmup, step, recipe.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * share
        total = torch.zeros((), device=self.place.device)
        for number, batch in enumerate(batches):
            last = number == len(batches) - 1
            with nullcontext() if last else accelerator.no_sync(self.network):
                loss = self.network(lambda batch=batch: batch).sum() / self.size
                total += loss.detach()
                accelerator.backward(loss * accelerator.num_processes)  # processes are averaged, and the sum is wanted
        whole = accelerator.reduce(total, "sum")
        norm = accelerator.clip_grad_norm_([weight for _, weight in trained(self.task.module)], recipe.learning.clip or math.inf)
        value, gradient = float(whole), float(norm) if norm is not None else 0.0
        if not math.isfinite(value):
            raise self._broken(f"The loss became not-a-number at step {step + 1}")
        if not math.isfinite(gradient) and not self._scales():
            raise self._broken(f"The gradient became not-a-number at step {step + 1}, at a loss of {value:.4g}")
        self.optimizer.step()
        self.optimizer.zero_grad()
        return value, float(self.optimizer.param_groups[0]["lr"])

    def _look(self) -> None:
        """Measurements and samples that are due after this step, or before the first and after the last."""
        watching, end = self.recipe.watching, self.done in (0, self.recipe.steps)
        measure, sample = (bool(every) and (end or not self.done % every) for every in (watching.measure_every, watching.sample_every))
        if not measure and not sample:
            return
        with self.averages.worn():
            if measure:
                self.measured = self._measure()
                if wrong := next((name for name, value in self.measured.items() if not math.isfinite(value)), ""):
                    raise self._broken(f"{wrong.upper()} was measured as not-a-number after step {self.done}")
                self._note({"step": self.done, "measured": self.measured, "held_out": self.data.fresh})
            if sample and self.accelerator.is_main_process:
                self.place.samples(self.done)
        self.accelerator.wait_for_everyone()

    @torch.no_grad()
    def _measure(self) -> dict[str, float]:
        """By every process for itself, which is always the same: nobody has to wait for a network that the others do not call."""
        sums = Measures()
        for batch in self.data.measured(self.recipe.batch):
            with self.accelerator.autocast():
                sums.add(*self.task.compare(batch))
        return sums.told()

    def _due(self, every: int) -> bool:
        return bool(every) and not self.done % every

    def _scales(self) -> bool:
        """Whether a scaler of half-precision gradients passes over a step whose gradient is no number, and tries the next with a smaller scale."""
        scaler = self.accelerator.scaler
        return bool(scaler and scaler.is_enabled() and scaler.get_scale() >= SMALLEST_SCALE)

    def _check(self) -> None:
        """Every process has the same weights, and ends alike. Raises EaselError where they are no numbers: nothing is written of such."""
        kept, _ = state.of_optimizer(self.optimizer)
        weights = [weight.detach() for _, weight in trained(self.task.module)]
        if not all(bool(torch.isfinite(tensor).all()) for tensor in (*weights, *self.averages.kept.values(), *kept.values())):
            raise self._broken(f"Weights became not-a-number at step {self.done}")

    def _broken(self, what: str) -> EaselError:
        """What ends a run, and what can be done with it: to go on would lead to the same place, for each step's noise is its own."""
        recipe, kept = self.recipe, state.listed(self.place.folder / CHECKPOINTS)
        rate = max(float(group["base"]) for group in self.optimizer.param_groups)
        remedy = f"Train anew under another name, with a learning rate well below {rate:g}{'' if recipe.mixed == 'no' else ' or without mixed precision'}."
        if not self.done:
            remedy = "The model answers so before it has learnt anything: choose fp32 for the frozen weights and no mixed precision, or another checkpoint."
        if kept and kept[-1] and recipe.data.folder:
            remedy += f" What had been learnt by step {kept[-1]} can be kept: “Enough, keep it” on the page, or --keep."
        return EaselError(f"{what}; training was ended, and nothing of this step is kept.", remedy)

    def _save(self) -> None:
        self._check()
        if self.accelerator.is_main_process and self.curve:
            self.curve.flush()
            tensors = {f"module.{name}": weight.detach() for name, weight in trained(self.task.module)}
            tensors |= {f"ema.{name}": weight for name, weight in self.averages.kept.items()}
            kept, groups = state.of_optimizer(self.optimizer)
            tensors |= {f"optimizer.{name}": tensor for name, tensor in kept.items()}
            scaler = self.accelerator.scaler.state_dict() if self.accelerator.scaler else None
            told = {
                "recipe": fingerprint(self.recipe),
                "processes": self.accelerator.num_processes,
                "groups": groups,
                "scaler": scaler,
                "steps": self.recipe.steps,
            }
            state.save(self.place.folder / CHECKPOINTS, State(self.done, tensors, told))
        self.accelerator.wait_for_everyone()

    def _resumed(self) -> int:
        """The steps that are done. Raises InvalidRequest where the checkpoint is of another recipe."""
        kept = state.latest(self.place.folder / CHECKPOINTS)
        if kept is None:
            return 0
        if kept.told["recipe"] != fingerprint(self.recipe):
            raise InvalidRequest("The run of this name was made with another recipe.", "Go on with its own values, or choose another name.", "resume")
        processes, before = self.accelerator.num_processes, int(kept.told.get("processes", self.accelerator.num_processes))
        if processes != before and not self.recipe.keep:
            what = f"The run was trained by {before} process{'es' if before > 1 else ''}, and now there {'are' if processes > 1 else 'is'} {processes}."
            raise InvalidRequest(
                f"{what} Each step would have another number of pictures.", f"Go on with {before}, or train anew under another name.", "resume"
            )
        if not all(bool(torch.isfinite(tensor).all()) for tensor in kept.tensors.values()):
            alone = len(state.listed(self.place.folder / CHECKPOINTS)) == 1
            remedy = "It is the only one: discard the run, and train anew." if alone else f"Delete it from {CHECKPOINTS}; the one before it then serves."
            raise BadModelFile(f"The checkpoint {state.name_of(kept.step)} holds weights that are no numbers.", remedy)
        with torch.no_grad():
            for name, weight in trained(self.task.module):
                weight.copy_(kept.part("module")[name])
        for name, tensor in kept.part("ema").items():
            self.averages.kept[name].copy_(tensor)
        state.into_optimizer(self.optimizer, kept.part("optimizer"), kept.told["groups"])
        if kept.told["scaler"] and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(kept.told["scaler"])
        return kept.step

    def _asked(self) -> Cancel:
        """What the one process that has an ear for it was asked."""
        if self.accelerator.num_processes == 1:
            return self.place.cancel()
        said: Sequence[Cancel] = broadcast_object_list([self.place.cancel() if self.accelerator.is_main_process else Cancel.NONE])
        return said[0]

    def _note(self, row: dict[str, Any]) -> None:
        if self.curve:
            self.curve.add(row)

    def _tell(self, note: str) -> None:
        self.place.report(Progress("training", 0, 1, self.done, self.recipe.steps, note=note))
