"""A training request -> a model file: the runner that the queue's worker calls for this kind of request, as the engine is for pictures.

Networks are those of the worker, borrowed: an adapter stands beside their layers while it learns, and they are as before afterwards; a network that is itself
trained is thrown away at the end. Sample pictures are drawn by the engine with these very networks, through the function that is handed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from modules.catalog.card import Card
from modules.catalog.measures import measured
from modules.core.errors import EaselError, OutOfMemory
from modules.core.files import make_folder
from modules.core.files import replace as replace_file
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.records.families import FAMILIES, FamilyRecord
from modules.core.request import GenerationRequest, Precision
from modules.core.result import Cancel, Picture, Progress, Report, Result
from modules.core.training import TrainingRequest, called, check, sample_prompts, worded
from modules.memory.device import Machine, is_out_of_memory
from modules.training import advice, checking, loop, numbers, pinned, results, room, trainable
from modules.training.dataset import Entry
from modules.training.learning import Borrowed, Learnt, learnt
from modules.training.lora_file import Done
from modules.training.material import Material
from modules.training.order import seed_of
from modules.training.places import leads, processes, target
from modules.training.resuming import resumed, write_recipe
from modules.training.runs import CHECKPOINTS, RECIPE, fresh, listed
from modules.training.samples import Samples
from modules.training.views import Views, prompted

PRIOR_SEED = 1000


class Shelf(Protocol):
    """What is asked of the catalog."""

    def checkpoint(self, name: str, sha256: str = "") -> Card: ...
    def hashed(self, card: Card) -> Card: ...
    def refresh(self) -> None: ...


@dataclass(frozen=True)
class Trainer:
    """load: a model of the worker, the very same as long as it is held. draw: pictures of a request by that model. forget: what was kept of how it read texts, for that changes while it learns. unload: lets go of every model.
    facts: versions and machine."""

    shelf: Shelf
    paths: Paths
    machine: Machine
    load: Callable[[Card, Precision], Borrowed]
    draw: Callable[..., Result]
    forget: Callable[[], None]
    unload: Callable[[], None]
    facts: Callable[[], dict[str, str]]

    def run(
        self,
        request: TrainingRequest,
        report: Report,
        cancel: Callable[[], Cancel],
        save: bool = True,
        saving: Mapping[str, Any] | None = None,
        user: str = "",
    ) -> Result:
        """As `jobs.runner.Runner.run`. stop: pauses; a checkpoint is written, and the run can be gone on with. skip: it is enough, and what was learnt so
        far is kept. Raises EaselError; the last checkpoint stays whole."""
        began = time.monotonic()
        report(Progress("loading", 0, 1))
        request, card = self.settled(request)
        failure = None
        try:
            return self._trained(request, card, report, cancel, began, user)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            what = f"The {self.machine.device} ran out of memory at a batch of {request.batch}."
            failure = OutOfMemory(what, "Make the batch smaller and the accumulation larger, or turn gradient checkpointing on.", "batch")
        self.unload()  # outside the except block: inside, the traceback would keep the tensors alive
        raise failure

    def settled(self, request: TrainingRequest) -> tuple[TrainingRequest, Card]:
        """With the model's hash and a concrete precision; a run that is gone on with has the recipe that it began with. Raises EaselError."""
        check(request)
        folder = self.paths.training / request.name
        if request.resume:
            request = resumed(folder, request.steps if request.data.folder else 0, request.keep)
        else:
            fresh(folder)
        card = self.shelf.hashed(self.shelf.checkpoint(request.model, request.model_hash))
        trainable.refuse(request, card, self.machine.device)
        if not request.learning.rate:
            rate = advice.rate(request.what, measured(card).parts.get("denoiser", 0))
            request = replace(request, learning=replace(request.learning, rate=rate))
        if not request.resume or request.precision == "auto":
            half, processor = self.machine.half, self.machine.device == "cpu"
            precision, mixed = numbers.settled(request.what, request.precision, request.mixed, half, self.machine.bf16, processor)
            request = replace(request, precision=precision, mixed=mixed)
        return replace(request, model=request.model if request.resume else card.name, model_hash=card.sha256), card

    def _trained(self, request: TrainingRequest, card: Card, report: Report, cancel: Callable[[], Cancel], began: float, user: str) -> Result:
        path = target(request, self.paths)
        folder = self.paths.training / request.name
        native = card.native or _record(card).native
        side = request.data.side or native
        checked = checking.check(Path(request.data.folder), side, worded(request), lambda share: report(Progress("checking pictures", 0, 1)))
        entries = checked.entries if request.keep else checked.usable("data.folder")
        request = prompted(request, entries)
        notes = [str(finding) for finding in checked.findings]
        room.check(request, card, self.paths, len(entries))
        make_folder(folder)
        self._hold(request, folder)
        if leads():
            write_recipe(folder, request, self.facts(), user)
        if self.machine.device != "cpu":
            self.unload()
        with self._borrowed(request, card) as (borrowed, one):
            priors = self._priors(request, card, folder, report, cancel)
            views = Views(request.data, side, 8, request.seed)
            trained_on, held = _split(entries, request.data.held_out, request.seed)
            material = Material(trained_on, priors, held, views, called(request), request.prior.weight, request.seed, one.see)
            short = "Memory was too short for sample pictures beside what learns, so no more were drawn."
            samples = Samples(folder / "samples", lambda: one.shown(material) if one.shown else self._drawn(request, card, borrowed, cancel))

            def sampled(step: int) -> None:
                if request.pictures and short not in notes:
                    report(Progress("drawing samples", 0, 1, step, request.steps))
                    try:
                        samples.take(step)
                    except OutOfMemory:  # what learns stays where it is, and learning needs less
                        notes.append(short)

            place = loop.Run(folder, report, cancel, sampled, self.machine.device)
            outcome = loop.run(one.task, material, request, place)
            pictures: list[Picture[TrainingRequest]] = []
            if outcome.stopped is Cancel.STOP:
                notes.append(f"Paused after step {outcome.steps} of {request.steps}; the run can be gone on with.")
            elif leads():
                report(Progress("saving", 0, 1, outcome.steps, request.steps))
                if outcome.stopped is Cancel.SKIP:
                    sampled(outcome.steps)
                one.write(path, Done(outcome.steps, material.entries, priors, views, (folder / RECIPE).stat().st_mtime, processes()))
                sheet = samples.sheet()
                pictures = [self._sheet(request, folder, sheet)] if sheet else []
                last = samples.of(samples.steps()[-1])[0].read_bytes() if samples.steps() else b""
                notes += results.write_beside(path, request, _described(request, card, outcome, len(entries)), sheet or last)
                notes.append(f"Saved as {path.name} in models/{path.parent.name}.")
        self.shelf.refresh()
        for picture in pictures:
            report(picture)
        stopped = Cancel.STOP if outcome.stopped is Cancel.STOP else Cancel.NONE
        return Result(request, tuple(pictures), tuple(dict.fromkeys(notes)), time.monotonic() - began, stopped, self.facts())

    def _hold(self, request: TrainingRequest, folder: Path) -> None:
        """A run goes on with the pictures that it was begun with. Raises InvalidRequest with what is other."""
        going = bool(listed(folder / CHECKPOINTS))
        if going and not request.keep:
            pinned.unchanged(folder, request)
        if leads() and not (going and (request.keep or pinned.pinned(folder))):
            pinned.pin(folder, request)

    @contextmanager
    def _borrowed(self, request: TrainingRequest, card: Card) -> Iterator[tuple[Borrowed, Learnt]]:
        """The model, all of it where it computes, with what is learnt standing beside it, or in it; as before afterwards. Raises OutOfMemory."""
        borrowed = self.load(card, request.precision)
        try:
            with ExitStack() as standing:
                self._stand(borrowed, card, standing)
                one = learnt(request, card, borrowed, self.paths.training / "cache", standing)
                yield borrowed, one
        finally:
            self.forget()
            if request.what in numbers.WHOLE:
                self.unload()

    def _stand(self, borrowed: Borrowed, card: Card, standing: ExitStack) -> None:
        """Weights that wait elsewhere come for as long as it lasts. Raises OutOfMemory."""
        missing, free = borrowed.placed.absent(), self.machine.free()
        if missing <= free:
            try:
                standing.enter_context(borrowed.placed.resident())
                return
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            self.unload()
        what = f"{card.name} does not fit into the memory of {self.machine.device} as a whole: {missing >> 20} MB of it wait elsewhere, and {free >> 20} MB are free."
        raise OutOfMemory(what, "A model that learns must all be there at once: close other programs, or choose a smaller checkpoint.", "model")

    def _priors(self, request: TrainingRequest, card: Card, folder: Path, report: Report, cancel: Callable[[], Cancel]) -> tuple[Entry, ...]:
        """Pictures of other things: the user's, and those that the model draws before it learns; drawn once for a run."""
        found: tuple[Entry, ...] = ()
        if request.prior.folder:
            side = request.data.side or card.native or _record(card).native
            found = checking.check(Path(request.prior.folder), side, True).usable("prior.folder")
        drawn = folder / "prior"
        make_folder(drawn)
        for number, prompt in enumerate(request.prior.prompts):
            path = drawn / f"{number:05d}.png"
            if not path.exists():
                report(Progress("drawing other things", 0, 1, number, len(request.prior.prompts)))
                made = self._pictures(request, card, prompt, PRIOR_SEED + number, cancel)
                if not made:
                    raise EaselError("Cancelled before the training began.", "Start it again; what was drawn already is kept.")
                replace_file(path, made[0])
            found = (*found, Entry(path, path.name, prompt, True))
        return tuple(replace(entry, prior=True) for entry in found)

    def _drawn(self, request: TrainingRequest, card: Card, borrowed: Borrowed, cancel: Callable[[], Cancel]) -> list[bytes]:
        if self.load(card, request.precision) is not borrowed:
            raise EaselError("The model was dropped from memory while it was trained.", "Close other programs, or take no sample pictures.")
        prompts = sample_prompts(request)
        return [data for number, prompt in enumerate(prompts) for data in self._pictures(request, card, prompt, request.watching.seed + number, cancel)]

    def _pictures(self, request: TrainingRequest, card: Card, prompt: str, seed: int, cancel: Callable[[], Cancel]) -> list[bytes]:
        record = _record(card)
        wish = with_values(GenerationRequest(), {**record.advice(card.variant), **card.defaults})
        side = request.data.side or card.native or record.native
        wish = replace(
            wish,
            prompt=prompt,
            seed=seed,
            steps=request.watching.steps,
            width=side,
            height=side,
            model=card.name,
            model_hash=card.sha256,
            precision=request.precision,
            text_precision=request.precision,
            storage="full",
            vae="None",
        )
        self.forget()
        made = self.draw(wish, lambda event: None, lambda: Cancel.STOP if cancel() is Cancel.STOP else Cancel.NONE, False)
        return [picture.data for picture in made.pictures]

    def _sheet(self, request: TrainingRequest, folder: Path, data: bytes) -> Picture[TrainingRequest]:
        path = folder / "before-and-after.png"
        replace_file(path, data)
        width, height = (int.from_bytes(data[first : first + 4], "big") for first in (16, 20))
        return Picture(b"", width, height, request, f"{request.name}: before and after {request.steps} steps", 0, path)


def _record(card: Card) -> FamilyRecord:
    return FAMILIES.get(card.family)


def _split(entries: Sequence[Entry], share: float, seed: int) -> tuple[list[Entry], list[Entry]]:
    """-> trained on, held out. None is held out of a few: five pictures are all needed."""
    count = int(len(entries) * share)
    order = sorted(entries, key=lambda entry: seed_of(seed, entry.name))
    held = {entry.name for entry in order[:count]}
    return [entry for entry in entries if entry.name not in held], [entry for entry in entries if entry.name in held]


def _described(request: TrainingRequest, card: Card, outcome: loop.Outcome, pictures: int) -> str:
    both = [name for name in ("mse", "r2") if name in outcome.first and name in outcome.last]
    measured = "".join(f", {name.upper()} {outcome.first[name]:.4f} -> {outcome.last[name]:.4f}" for name in both)
    return f"Trained on {card.name} from {pictures} pictures in {outcome.steps} steps{measured}."
