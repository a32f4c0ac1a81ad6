"""What a job may be asked for, as the queue, the history and the faces see it: how many pictures, and what to call it. They know no kind in particular.

A kind of request is a frozen dataclass of parameters that has these members; `core.kinds` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol


class Wish(Protocol):
    """KIND: as rows of the history and the document in a picture name it."""

    KIND: ClassVar[str]

    @property
    def pictures(self) -> int:
        """How many are wanted."""

    @property
    def batch_size(self) -> int:
        """How many are made in one go, as A1111 counts."""

    @property
    def steps(self) -> int:
        """Of one picture, before its run says it; 0 where nobody can know."""

    @property
    def seed(self) -> int:
        """Of the first picture; 0 where chance has no part in it."""

    @property
    def work(self) -> str:
        """A1111's word for it: "txt2img", "img2img", "extras". Folders and tabs go by it."""

    @property
    def title(self) -> str:
        """What a list of jobs shows; "" when there is nothing to show."""

    @property
    def details(self) -> tuple[str, ...]:
        """A few words each: what else such a list shows."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What the user wrote, which no log may quote."""

    @property
    def sweeps(self) -> bool:
        """Whether it asks for further runs (`engine.sweeps`), so that an unfinished one can be gone on with."""

    @property
    def marks(self) -> Mapping[str, str]:
        """What of it explains a difference between two machines: precision and hashes."""
