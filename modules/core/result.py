"""What comes back from a run: progress on the way, pictures, and the facts of the machine that made them. No torch, no Pillow."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from modules.core.errors import NotFound
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.core.wish import Wish

R = TypeVar("R", bound=Wish)
"""The kind of request that was made."""


class Cancel(enum.Enum):
    """none: go on. skip: leave this picture (its batch, where a batch is evaluated at once) and go on with the next. stop: leave all."""

    NONE = "none"
    SKIP = "skip"
    STOP = "stop"


class Tally:
    """How many steps are done. Whoever does them writes the number and tells nobody; whoever wants to know looks (`Progress.now`)."""

    __slots__ = ("done",)

    def __init__(self, done: int) -> None:
        self.done = done


class Progress(NamedTuple):
    """Where a run stands. picture counts from 0 to pictures-1; step from 0 to steps. preview: a small JPEG, or None when there is no new one.
    tally: where further steps are counted, so that none of them need be reported. note: what else there is to say of this moment, such as a loss."""

    phase: str = "waiting"
    picture: int = 0
    pictures: int = 1
    step: int = 0
    steps: int = 0
    preview: bytes | None = None
    tally: Tally | None = None
    note: str = ""

    @property
    def now(self) -> Progress:
        """The same, at the step that is counted by now."""
        return self if self.tally is None or self.tally.done == self.step else self._replace(step=self.tally.done)

    @property
    def share(self) -> float:
        """Of the whole run, 0 to 1."""
        inside = self.step / self.steps if self.steps else 0.0
        share = (self.picture + inside) / (self.pictures or 1)
        return share if share < 1.0 else 1.0


@dataclass(frozen=True)
class Picture(Generic[R]):
    """A finished picture. held: a PNG of every pixel, with its texts; of one that was saved nothing, so that a long run does not fill the memory.
    request: the resolved one that makes it alone. infotext: A1111's text. path: where it was saved, None when saving was not asked for.
    complete: False when it was interrupted. sha256: of the saved file, where that is not `data`.
    digest: `digest` of what decided its pixels; "" for one that a script put together."""

    held: bytes
    width: int
    height: int
    request: R
    infotext: str
    index: int = 0
    path: Path | None = None
    complete: bool = True
    sha256: str = ""
    digest: str = ""

    @property
    def data(self) -> bytes:
        """The whole file, byte for byte; a saved one is read again, in the format in which it was saved. Raises NotFound when it is gone since."""
        if self.held or self.path is None:
            return self.held
        try:
            return self.path.read_bytes()
        except OSError as error:
            what = f"The picture {self.path.name} cannot be read any more: {error.strerror or error}."
            raise NotFound(what, "It was moved or deleted after it had been saved; look for it there, or draw it again.") from None

    def saved(self, path: Path, sha256: str = "", exact: bool = True) -> Picture[R]:
        """The same, now that its file lies there. exact: the file will do for whoever asks for the pixels; else they stay in memory, too."""
        return replace(self, held=b"" if exact else self.held, path=path, sha256=sha256)


@dataclass(frozen=True)
class Kept:
    """A picture of an earlier run whose file lies there unchanged."""

    path: Path
    width: int
    height: int
    infotext: str


@dataclass(frozen=True)
class Result(Generic[R]):
    """request: the resolved one, of the whole run. notes: what the user should know, one sentence each. Of a script (`engine.sweeps`): first: place of
    the first picture behind its grids, as A1111 counts it; infotexts: as A1111 lists them; empty: those of the pictures."""

    request: R
    pictures: tuple[Picture[R], ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    cancelled: Cancel = Cancel.NONE
    facts: dict[str, str] = field(default_factory=dict)
    first: int = 0
    infotexts: tuple[str, ...] = ()


def digest(request: GenerationRequest, facts: Mapping[str, str]) -> str:
    """Of everything that decides a single picture to its last bit: the request that makes it alone, the versions and the machine. sha256, hexadecimal."""
    whole = {"request": to_dict(request), "facts": dict(facts)}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


Report = Callable[["Progress | Picture"], None]
"""Takes each Progress, and each Picture as soon as it is safely saved."""
