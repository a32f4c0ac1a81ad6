"""Layers that come before they are needed, in the order learnt from the run before, as many as a number of bytes allows.

The host gives a device its work long before the device does it, and what a layer worked on is free only when the device is through. So bytes count from when they are
asked for until then, and who wants more waits for the oldest. Knows no device: how layers come is a lane's affair. Without the count all of a model would be
asked for at once, as with FSDP before its rate limiter (Zhao et al. 2023, "PyTorch FSDP", 3.4).
"""

from __future__ import annotations

from collections import deque
from typing import Generic, NamedTuple, Protocol, TypeVar

from torch import nn

Load = TypeVar("Load")


class Event(Protocol):
    """A place in a device's work, as `torch.cuda.Event` is."""

    def query(self) -> bool:
        """Whether the device has come past it."""

    def synchronize(self) -> None:
        """Waits until it has."""


class Lane(Protocol[Load]):
    """How layers come to a device beside its work."""

    def size(self, layer: nn.Module) -> int:
        """Bytes that come."""

    def fetch(self, layer: nn.Module) -> Load:
        """Begins; the host does not wait."""

    def arrive(self, load: Load) -> None:
        """The layer has its weights in whatever the device is given to do from here on."""

    def event(self) -> Event:
        """Behind all that the device was given to do so far."""


class _Coming(NamedTuple, Generic[Load]):
    layer: nn.Module
    size: int
    load: Load


class Ahead(Generic[Load]):
    """limit: bytes of layers that are on their way, at work, or whose work the device has not done yet, together. What does not fit is not fetched ahead."""

    def __init__(self, lane: Lane[Load], limit: int) -> None:
        self._lane, self._limit = lane, limit
        self._held = 0
        self._next: dict[int, nn.Module] = {}
        self._last: nn.Module | None = None
        self._coming: dict[int, _Coming[Load]] = {}
        self._working: dict[int, int] = {}
        self._passing: deque[tuple[Event, int]] = deque()

    def enter(self, layer: nn.Module) -> bool:
        """It begins. -> whether it has its weights; else they are to be fetched now."""
        if self._last is not None:
            self._next[id(self._last)] = layer
        self._last = layer
        if next(iter(self._coming), None) != id(layer):
            self._forget()  # the order is another one than it was
            return False
        coming = self._coming.pop(id(layer))
        self._working[id(layer)] = coming.size
        self._lane.arrive(coming.load)
        return True

    def leave(self, layer: nn.Module) -> None:
        """The device has all its work, and the layer its weights no longer."""
        size = self._working.pop(id(layer), 0)
        if size:
            self._passing.append((self._lane.event(), size))

    def look(self) -> None:
        """Has the next layers come. Right after a layer left, so that the device has its work while the host waits for an older one."""
        while (layer := self._following()) is not None:
            size = self._lane.size(layer)
            if not self._room(size):
                return
            load = self._lane.fetch(layer)
            self._held += size
            self._coming[id(layer)] = _Coming(layer, size, load)

    def rest(self) -> None:
        """Nothing comes any more; what begins next follows nothing."""
        self._forget()
        self._last = None

    def _following(self) -> nn.Module | None:
        tail = next(reversed(self._coming.values())).layer if self._coming else self._last
        layer = self._next.get(id(tail))
        return None if layer is None or id(layer) in self._coming or id(layer) in self._working else layer

    def _room(self, size: int) -> bool:
        """Whether so much more fits. Never waits for the layer that left last: the device would stand still meanwhile."""
        while self._passing and self._passing[0][0].query():
            self._passed()
        while self._held + size > self._limit and len(self._passing) > 1:
            self._passing[0][0].synchronize()
            self._passed()
        return self._held + size <= self._limit

    def _passed(self) -> None:
        self._held -= self._passing.popleft()[1]

    def _forget(self) -> None:
        self._held -= sum(coming.size for coming in self._coming.values())
        self._coming.clear()
