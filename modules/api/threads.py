"""Runs what waits for a disk or computes a hash in a thread, out of the event loop's way.

The API's own threads: the default ones are shared with the page, whose handlers must not queue behind a hundred API clients. Work on whole pictures has
a few threads of its own, so that it bounds the memory that they take and holds up nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 16
FEW = 4
_all: RunVar[CapacityLimiter] = RunVar("easel-api-threads")
_few: RunVar[CapacityLimiter] = RunVar("easel-api-few-threads")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The work's result, made in one of at most 16 threads. Raises what it raises."""
    return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=_limiter(_all, THREADS))


async def in_few(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `in_thread`, for what opens whole pictures or fetches them: at most four at a time."""
    return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=_limiter(_few, FEW))


def _limiter(variable: RunVar[CapacityLimiter], threads: int) -> CapacityLimiter:
    """Of this event loop."""
    try:
        return variable.get()
    except LookupError:
        limiter = CapacityLimiter(threads)
        variable.set(limiter)
        return limiter
