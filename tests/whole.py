"""Runners of tests that draw and save in one piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from modules.core.making import Later, Making
from modules.core.result import Cancel, Report, Result


class Runs(Protocol):
    """Makes a whole result at once."""

    def run(self, request: Any, report: Report, cancel: Callable[[], Cancel], save: bool, saving: Any = None, user: str = "") -> Result: ...


class Whole:
    """A runner whose `run` is all there is."""

    def making(
        self: Runs, request: Any, report: Report, cancel: Callable[[], Cancel], save: bool, saving: Mapping[str, Any] | None, user: str, later: Later
    ) -> Making:
        yield from ()
        return self.run(request, report, cancel, save, saving, user)


def in_one(part: Callable[..., Result]) -> Callable[..., Making]:
    """A part that is drawn in one piece, for `engine.sweep.conduct`."""

    def making(*given: Any) -> Making:
        yield from ()
        return part(*given)

    return making
