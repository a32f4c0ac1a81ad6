"""What is kept for the next time, least recently used out first, bounded by bytes. Knows not what it is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """limit: bytes that may stay. The newest value always stays, however large. dropped: called after values were let go."""

    def __init__(self, limit: int, dropped: Callable[[], None]) -> None:
        self.limit, self._dropped = limit, dropped
        self._held: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key][0]

    def matching(self, wanted: Callable[[Hashable], bool]) -> list[Value]:
        """Values by their keys."""
        return [held[0] for key, held in self._held.items() if wanted(key)]

    @property
    def values(self) -> list[Value]:
        """What is held. Any thread may ask."""
        return [value for value, _ in list(self._held.values())]

    def make_room(self, size: int) -> None:
        """Lets go of the oldest values until `size` more bytes fit; called before a load, so that two models are never held where one fits."""
        let_go = False
        while self._held and sum(held for _, held in self._held.values()) + size > self.limit:
            self._held.popitem(last=False)
            let_go = True
        if let_go:
            self._dropped()

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return sum(size for _, size in list(self._held.values()))

    def only(self, wanted: Callable[[Value], bool]) -> None:
        """Lets go of the others."""
        self._held = OrderedDict((key, held) for key, held in self._held.items() if wanted(held[0]))
        self._dropped()

    def clear(self) -> None:
        """Lets go of all."""
        self._held.clear()
        self._dropped()

    def put(self, key: Hashable, value: Value, size: int) -> None:
        self._held[key] = (value, size)
        self._held.move_to_end(key)
