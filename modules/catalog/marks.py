"""A mark: one row of a table that says by what an architecture is told. Knows no architecture itself."""

from __future__ import annotations

from typing import NamedTuple

from modules.catalog.card import Kind
from modules.catalog.sight import Sight


class Mark(NamedTuple):
    """word: the architecture's. has: pieces of names (see `sight`) that a file of it has, all of them; lacks: that it has none of.
    sides: (piece of a name, axis, lengths that this side may have). times: (piece, axis, other piece, its axis, factor): the one side is so many times the
    other. A tensor that is not there or whose shape cannot be told does not fit.
    kind: None where the table is of one kind."""

    word: str
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    sides: tuple[tuple[str, int, tuple[int, ...]], ...] = ()
    times: tuple[tuple[str, int, str, int, int], ...] = ()
    variant: str = ""
    kind: Kind | None = None

    def fits(self, seen: Sight) -> bool:
        return (
            all(seen.has(mark) for mark in self.has)
            and not seen.any(*self.lacks)
            and all(seen.side(mark, axis) in lengths for mark, axis, lengths in self.sides)
            and all(seen.side(a, i) == factor * (seen.side(b, j) or -1) for a, i, b, j, factor in self.times)
        )


def first(rows: tuple[Mark, ...], seen: Sight) -> Mark | None:
    """The first row that fits: the more particular stand first."""
    return next((row for row in rows if row.fits(seen)), None)
