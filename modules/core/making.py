"""A run as a generator: it draws, yields once when it needs the networks no more, and then ends with its result. What follows the yield may be done by
another thread, while the networks draw for the next job. Knows no picture."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from modules.core.result import Result

T = TypeVar("T")

Making = Generator[None, None, Result]


class Later(Protocol):
    """Has something done that needs no networks, behind all that it was given before. The future raises what the task raises."""

    def __call__(self, task: Callable[[], T]) -> Future[T]: ...


def at_once(task: Callable[[], T]) -> Future[T]:
    """Where there is no other thread. Raises what the task raises."""
    done: Future[T] = Future()
    done.set_result(task())
    return done


def finished(making: Generator[None, None, T]) -> T:
    """The result of a run, all of it in this thread."""
    while True:
        try:
            next(making)
        except StopIteration as end:
            found: T = end.value
            return found


def failed_already(futures: list[Future[Any]]) -> None:
    """Raises what one of them raised, of those that are done."""
    for future in futures:
        if future.done():
            future.result()
