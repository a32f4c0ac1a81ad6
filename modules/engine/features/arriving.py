"""A tensor on its way to the host: whoever wants to look at it asks from time to time, and never waits for the device.

Of a GPU it comes by a copy into pinned memory, queued behind what makes it. Elsewhere it is there at once, as it always was. Knows no preview.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LATE = ("cuda",)
"""Devices that work on what is queued there while the host goes on."""


class Arriving:
    """tensor: on the host once it is `there`; of devices that are not LATE, wherever it was made."""

    def __init__(self, device: torch.device, make: Callable[[], Tensor]) -> None:
        """device: where `make` works, or queues its work. Raises what that raises."""
        self._marks: tuple[torch.cuda.Event, torch.cuda.Event] | None = None
        if device.type not in LATE:
            self.tensor = make()
            return
        began = marked(device)
        self.tensor = make().to("cpu", non_blocking=True)  # torch takes pinned memory for that
        self._marks = began, marked(device)

    @property
    def there(self) -> bool:
        return self._marks is None or self._marks[1].query()

    @property
    def seconds(self) -> float:
        """That the device took, once it is there; 0 where the host's own clock saw all of it."""
        return self._marks[0].elapsed_time(self._marks[1]) / 1000 if self._marks else 0.0


def marked(device: torch.device) -> torch.cuda.Event:
    """A point in what is queued on a GPU."""
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event
