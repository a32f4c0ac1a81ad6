"""A job: one request on its way through the queue, and what became of it. Plain records; nothing here waits, runs or stores."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from modules.core.result import R


class State(enum.Enum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Wording:
    """The words of a request, as they were typed: templates are templates, and styles their names."""

    prompt: str
    negative_prompt: str = ""
    styles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PictureRecord:
    """A finished picture, without its pixels. path: relative to the outputs folder with forward slashes where it lies in there, else absolute;
    "" when saving was not asked for. sha256: of the file. index: place in the request. complete: False when it was interrupted.
    digest: `core.result.digest` of what decided its pixels; "" for one that a script put together.
    number: in the history, rising; 0 while it is not in there. created: seconds since 1970."""

    path: str
    seed: int
    width: int
    height: int
    infotext: str
    index: int = 0
    sha256: str = ""
    complete: bool = True
    digest: str = ""
    job: str = ""
    number: int = 0
    created: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Job(Generic[R]):
    """id: unguessable. owner: who submitted it, as the face names its users; "" for anyone. save: whether its pictures become files. saving: what of `core.saving` it has another value for.
    created, started, finished: seconds since 1970. error: `EaselError.as_dict()` of what failed. resolved: the concrete request, once it was run.
    notes: what the user should know, one sentence each. pictures: in the order in which they were finished."""

    id: str
    request: R
    owner: str = ""
    state: State = State.QUEUED
    save: bool = True
    saving: Mapping[str, Any] = field(default_factory=dict)
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    error: dict[str, str] | None = None
    resolved: R | None = None
    notes: tuple[str, ...] = ()
    pictures: tuple[PictureRecord, ...] = ()
