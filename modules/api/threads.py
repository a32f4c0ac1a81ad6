"""Runs what waits for a disk or computes a hash in a thread, out of the event loop's way.

The API's own threads: the default ones are shared with the page, whose handlers must not queue behind a hundred API clients.
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
_limiter: RunVar[CapacityLimiter] = RunVar("easel-api-threads")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The work's result, made in one of at most 16 threads. Raises what it raises."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(THREADS)
        _limiter.set(limiter)
    return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=limiter)
