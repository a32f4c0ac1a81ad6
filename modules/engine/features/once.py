"""What a feature needs at every call of a network, made at the first one and kept where the call is.

Made anew each time it would be copied to a GPU each time, and from memory that is not pinned such a copy lets the host wait for all that is queued there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Lives as long as its feature, which lasts for a stage or a run."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """key: all that may differ between two calls: the device, the type, the rows."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found
