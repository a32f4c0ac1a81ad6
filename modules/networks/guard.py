"""What keeps the child that converts pickles (`networks.convert`) from doing anything else: an audit hook that nothing can take off again, and limits.

Sources: https://docs.python.org/3/library/audit_events.html; setrlimit(2), where the system has it. Imports no torch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import resource

SECONDS = 300
REFUSED, NO_TENSORS, FORBIDDEN = 3, 4, 5
"""The child's exit codes: the file holds more than weights; it holds none; something tried what a conversion never needs."""

NEVER = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "pty.",
    "ftplib.",
    "http.",
    "urllib.",
    "ctypes.dlopen",
    "webbrowser.",
)
"""Beginnings of the names of forbidden events."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def hook(target: Path, stop: Callable[[], None]) -> Callable[[str, tuple[Any, ...]], None]:
    """Calls `stop` at everything but reading files and writing the target."""

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(NEVER) or event == "open" and _writes(arguments) and not _is(arguments[0], target):
            stop()

    return heard


def _writes(arguments: tuple[Any, ...]) -> bool:
    return isinstance(arguments[2], int) and bool(arguments[2] & WRITES)


def _is(path: object, target: Path) -> bool:
    return isinstance(path, (str, bytes)) and os.path.abspath(os.fsdecode(path)) == str(target)


def limit(memory: int, size: int) -> None:
    """Bytes of address space and of a written file, as far as the system has such limits."""
    if sys.platform == "win32":
        return
    for kind, wanted in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, size), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
        _, highest = resource.getrlimit(kind)
        low = wanted if highest == resource.RLIM_INFINITY else min(wanted, highest)
        resource.setrlimit(kind, (low, low))
