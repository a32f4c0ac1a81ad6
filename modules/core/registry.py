"""A named list of records with aliases, looked up forgivingly and refused with the nearest names.

Holds samplers, schedules and families; knows none of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from modules.core.errors import InvalidRequest


class Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...


Record = TypeVar("Record", bound=Named)


class Registry(Generic[Record]):
    """what: the noun for messages ("sampler"). field: the request field that such a name stands in."""

    def __init__(self, what: str, field: str, records: Iterable[Record]) -> None:
        self.what, self.field = what, field
        self._records = {record.name: record for record in records}
        self._known = {alias.casefold(): record for record in self._records.values() for alias in (record.name, *record.aliases)}

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def names(self) -> list[str]:
        return list(self._records)

    def find(self, name: str) -> Record | None:
        """By name or alias, whatever the case."""
        return self._known.get(name.strip().casefold())

    def get(self, name: str) -> Record:
        """Like find, but an unknown name raises InvalidRequest that offers the nearest ones."""
        record = self.find(name)
        if record is None:
            close = difflib.get_close_matches(name, self._records, 3, 0.4) or list(self._records)[:3]
            raise InvalidRequest(f"There is no {self.what} {name[:80]!r}.", f"Near it: {', '.join(close)}.", self.field)
        return record
