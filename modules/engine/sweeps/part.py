"""What passes between a sweep and its driver. A sweep is a generator, like a sampler: it asks for runs and never runs anything.

Knows no script and no engine.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from modules.core.request import GenerationRequest
from modules.core.result import Picture, Result


@dataclass(frozen=True)
class Part:
    """One plain run that a sweep asks for. request: without a script. of: pictures of the whole sweep, for progress.
    save: its pictures are results of their own, reported and kept where pictures are kept; else they are material (tiles).
    keys: further keys of their infotexts, right behind A1111's standard ones, as its scripts write them.
    reuse: pictures that an earlier run made from the very same request, and that still lie there, serve instead of a run."""

    request: GenerationRequest
    of: int = 1
    save: bool = True
    keys: Mapping[str, object] = field(default_factory=dict)
    reuse: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a sweep gives back. request: the whole one, concrete: it makes the same again. pictures: in A1111's order, its first `grids` are grids.
    first: place of the first picture that is no grid, as A1111 counts it. infotexts: as A1111 lists them; empty: those of the pictures.
    notes: what the user should know, one sentence each."""

    request: GenerationRequest
    pictures: tuple[Picture, ...]
    grids: int = 0
    first: int = 0
    infotexts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Sweep = Generator[Part, Result, Outcome]
"""Yields each Part and is sent its Result; an EaselError of the run is thrown in. After a stop every further Part is answered by an empty Result
whose `cancelled` says so, without a run: a sweep then ends with what it has."""
