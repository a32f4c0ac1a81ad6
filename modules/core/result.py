"""What comes back from a run: progress on the way, pictures, and the facts of the machine that made them. No torch, no Pillow."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modules.core.request import GenerationRequest


class Cancel(enum.Enum):
    """none: go on. skip: leave this picture (its batch, where a batch is evaluated at once) and go on with the next. stop: leave all."""

    NONE = "none"
    SKIP = "skip"
    STOP = "stop"


@dataclass(frozen=True)
class Progress:
    """Where a run stands. picture counts from 0 to pictures-1; step from 0 to steps. preview: a small JPEG, or None when there is no new one."""

    phase: str = "waiting"
    picture: int = 0
    pictures: int = 1
    step: int = 0
    steps: int = 0
    preview: bytes | None = None

    @property
    def share(self) -> float:
        """Of the whole run, 0 to 1."""
        inside = self.step / self.steps if self.steps else 0.0
        return min((self.picture + inside) / max(self.pictures, 1), 1.0)


@dataclass(frozen=True)
class Picture:
    """A finished picture. data: the encoded file with its texts, byte for byte as saved. request: the resolved one that makes it alone.
    infotext: A1111's text. path: where it was saved, None when saving was not asked for. complete: False when it was interrupted."""

    data: bytes
    width: int
    height: int
    request: GenerationRequest
    infotext: str
    index: int = 0
    path: Path | None = None
    complete: bool = True


@dataclass(frozen=True)
class Result:
    """request: the resolved one, of the whole run. notes: what the user should know, one sentence each. Of a script (`engine.sweeps`): first: place of
    the first picture behind its grids, as A1111 counts it; infotexts: as A1111 lists them; empty: those of the pictures."""

    request: GenerationRequest
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    cancelled: Cancel = Cancel.NONE
    facts: dict[str, str] = field(default_factory=dict)
    first: int = 0
    infotexts: tuple[str, ...] = ()


Report = Callable[["Progress | Picture"], None]
"""Takes each Progress, and each Picture as soon as it is safely saved."""
