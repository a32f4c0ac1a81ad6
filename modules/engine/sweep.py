"""Drives a sweep: runs the parts that it asks for, one after the other, and makes one Result of what it gives back. Knows no script.

A request without a script goes the same way: its sweep asks for one part, itself. No torch: faces may ask `chosen` before a job is queued.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from modules.core.errors import EaselError
from modules.core.making import Making, finished
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Report, Result
from modules.engine.ready import UNKEPT, joined, recorded
from modules.engine.sweeps import SWEEPS
from modules.engine.sweeps.overview import overview
from modules.engine.sweeps.part import Outcome, Part, Sweep
from modules.engine.sweeps.script import ScriptRecord
from modules.engine.sweeps.tools import Tools


class RunPart(Protocol):
    """The engine's plain run of one request without a script. keys: further keys of its infotexts, right behind A1111's standard ones."""

    def __call__(self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, keys: Mapping[str, object]) -> Making: ...


Recall = Callable[[GenerationRequest], Result | None]
"""The pictures that an earlier run made from the very same request, each with its path; None unless all of them lie there."""


def once(request: GenerationRequest, arguments: Any, tools: Tools) -> Sweep:
    """The sweep of a request without a script."""
    result = yield Part(request, of=request.pictures)
    grid, notes = overview(result, tools)
    grids = (grid,) if grid else ()
    return Outcome(result.request, (*grids, *result.pictures), len(grids), len(grids), notes=tuple(notes))


@dataclass(frozen=True)
class _Nothing:
    """No arguments."""


ONCE = ScriptRecord(name="", arguments=_Nothing, places=(), sweep=once)


def chosen(request: GenerationRequest) -> tuple[ScriptRecord, Any]:
    """The script of a request and its arguments, checked. Raises InvalidRequest for an unknown script, and for arguments that are wrong in themselves."""
    script = SWEEPS.get(request.script.name) if request.script.name else ONCE
    return script, script.read(request.script.args if request.script.name else {})


def conduct(
    request: GenerationRequest,
    run_part: RunPart,
    tools: Tools,
    report: Report,
    cancel: Callable[[], Cancel],
    save: bool,
    recall: Recall = lambda request: None,
) -> Making:
    """Makes the pictures of a request, script or not. The pictures of parts are reported as they come, composed ones once they are saved.

    Yields where a request without a script needs the networks no more; a script may always ask for another part. A stop keeps what is done; a skip leaves one part's picture. Raises EaselError; pictures already reported stay.
    """
    began = time.monotonic()
    script, arguments = chosen(request)
    tools = replace(tools, saves=save, passing=set(), answers={})
    run = _Conductor(run_part, recall, tools, report, cancel, save, plain=script is ONCE)
    sweep = script.sweep(request, arguments, tools)
    try:
        outcome = yield from _driven(sweep, run)
    finally:
        sweep.close()
        tools.forget()
    pictures = run.told_of(outcome, script.grid_name)
    whole = recorded(outcome.request, tools.answers)
    unkept = [UNKEPT] if tools.answers and whole is outcome.request else []
    notes = tuple(dict.fromkeys((*run.notes, *outcome.notes, *unkept)))
    facts = run.facts or dict(tools.facts())
    return Result(whole, pictures, notes, time.monotonic() - began, run.cancelled, facts, outcome.first, outcome.infotexts)


def _driven(sweep: Sweep, run: _Conductor) -> Generator[None, None, Outcome]:
    try:
        part = next(sweep)
        while True:
            try:
                result = yield from run.part(part)
            except EaselError as error:
                part = sweep.throw(error)
            else:
                part = sweep.send(result)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


@dataclass
class _Conductor:
    """Runs parts within the whole. plain: the first part is the last one. done: pictures that the parts so far stood for; the indices of reported pictures go by it."""

    run_part: RunPart
    recall: Recall
    tools: Tools
    report: Report
    cancel: Callable[[], Cancel]
    save: bool
    plain: bool = False
    done: int = 0
    told: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    cancelled: Cancel = Cancel.NONE

    def part(self, part: Part) -> Making:
        if self.cancelled is Cancel.STOP or self.done and self.cancel() is Cancel.STOP:
            self.cancelled = Cancel.STOP
            return Result(part.request, cancelled=Cancel.STOP)
        whole = self.tools.ready(part.request)
        self.notes += whole.notes
        self.tools.answers.update(whole.answers)
        results: list[Result] = []
        for number, request in enumerate(whole.runs, 1):
            if results and (self.cancelled is Cancel.STOP or self.cancel() is Cancel.STOP):
                self.cancelled = Cancel.STOP
                results[-1] = replace(results[-1], cancelled=Cancel.STOP)
                break
            making = self._run(request, part)
            results.append((yield from making) if self.plain and number == len(whole.runs) else finished(making))
        return joined(whole, results) if whole.answers else results[0]

    def _run(self, request: GenerationRequest, part: Part) -> Making:
        before = self.done
        self.done += request.pictures

        alone = not before and part.of <= self.done

        def report(event: Progress | Picture) -> None:
            if isinstance(event, Progress):
                self.report(event if alone else event._replace(picture=before + event.picture, pictures=max(part.of, self.done)))
            elif part.save:
                self.told.add(before + event.index)
                self.report(replace(event, index=before + event.index))

        result = self.recall(request) if part.reuse and self.save else None
        for picture in result.pictures if result else ():
            report(picture)
        result = result or (yield from self.run_part(request, report, self.cancel, self.save and part.save, part.keys))
        self.notes += result.notes
        self.facts = result.facts
        self.cancelled = result.cancelled if result.cancelled is not Cancel.NONE else self.cancelled
        return replace(result, pictures=tuple(replace(picture, index=before + picture.index) for picture in result.pictures))

    def told_of(self, outcome: Outcome, grid_name: str) -> tuple[Picture, ...]:
        """The pictures of the outcome, the composed ones among them saved and reported."""
        pictures = []
        for place, picture in enumerate(outcome.pictures):
            if picture.index not in self.told:
                picture = replace(picture, index=self.done)
                self.done += 1
                if self.save:
                    picture, notes = self.tools.store(picture, grid_name if place < outcome.grids else "")
                    self.notes += notes
                self.told.add(picture.index)
                self.report(picture)
            pictures.append(picture)
        return tuple(pictures)
