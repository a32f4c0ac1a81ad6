"""A run in two pieces: what needs the networks, and what follows in another thread. The pieces give what the whole gives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modules.core.errors import OutputTrouble
from modules.core.making import Later, Making, T, finished
from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Result
from modules.engine.generate import Engine
from modules.engine.save import Destination, Outputs


class Held:
    """Keeps what is to be done later until it is told to do it, in a thread of its own."""

    def __init__(self) -> None:
        self.tasks: list[tuple[Callable[[], Any], Future[Any]]] = []
        self.result: Result | BaseException | None = None

    def later(self, task: Callable[[], Any]) -> Future[Any]:
        self.tasks.append((task, Future()))
        return self.tasks[-1][1]

    def done(self, making: Making | None = None) -> Any:
        """Does it all, and what is left of a run behind it. -> that one's result, or what it raised."""
        thread = threading.Thread(target=self._all, args=(making,))
        thread.start()
        thread.join()
        return self.result

    def _all(self, making: Making | None) -> None:
        for task, future in self.tasks:
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)
        self.tasks.clear()
        try:
            self.result = finished(making) if making else None
        except BaseException as error:
            self.result = error


def request(**values: Any) -> GenerationRequest:
    return from_dict(GenerationRequest, {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler", **values})


def begun(engine: Engine, wish: GenerationRequest, held: Held, seen: list[Any]) -> Making:
    making = engine.making(wish, seen.append, lambda: Cancel.NONE, True, None, "", held.later)
    next(making)
    return making


def test_a_picture_is_reported_only_when_its_file_is_there_and_in_order(engine: Engine) -> None:
    held, seen = Held(), list[Picture | Progress]()
    making = begun(engine, request(count=3), held, seen)
    assert seen and not any(isinstance(event, Picture) for event in seen), "all is drawn, nothing is saved"
    result = held.done(making)
    pictures = [event for event in seen if isinstance(event, Picture)]
    assert [picture.index for picture in pictures] == [0, 1, 2] and all(picture.path and picture.path.is_file() for picture in pictures)
    whole = engine.run(request(count=3), lambda event: None, lambda: Cancel.NONE)
    assert [one.data for one in result.pictures] == [one.data for one in whole.pictures]
    assert replace(result, seconds=0, pictures=()) == replace(whole, seconds=0, pictures=())


class FullAt:
    """A disk that has room for so many pictures."""

    def __init__(self, root: Path, room: int) -> None:
        self.disk, self.room = Outputs(root), room

    def save(self, data: bytes, to: Destination) -> tuple[Path, str]:
        if not self.room:
            raise OutputTrouble("The disk is full.", "Free some space.")
        self.room -= 1
        return self.disk.save(data, to)


def test_a_full_disk_ends_the_run_and_what_is_saved_stays(engine: Engine, tmp_path: Path) -> None:
    held, seen = Held(), list[Any]()
    full = replace(engine, outputs=FullAt(tmp_path, 1))
    error = held.done(begun(full, request(count=3), held, seen))
    assert isinstance(error, OutputTrouble)
    assert [event.index for event in seen if isinstance(event, Picture)] == [0]


def test_no_more_is_drawn_once_a_picture_could_not_be_saved(engine: Engine, tmp_path: Path) -> None:
    seen: list[Any] = []
    with pytest.raises(OutputTrouble):
        replace(engine, outputs=FullAt(tmp_path, 1)).run(request(count=3), seen.append, lambda: Cancel.NONE)
    assert max(event.picture for event in seen if isinstance(event, Progress)) == 1


def test_a_script_has_its_pictures_before_it_goes_on(engine: Engine) -> None:
    held, seen = Held(), list[Any]()
    making = engine.making(
        request(script={"name": "x/y/z plot", "args": {"x_values": "1, 2", "include_pictures": True}}),
        seen.append,
        lambda: Cancel.NONE,
        False,
        None,
        "",
        at_once_in(held),
    )
    with pytest.raises(StopIteration) as end:
        next(making)
    assert len(end.value.value.pictures) == 3, "the grid and its two"


def at_once_in(held: Held) -> Later:
    """Another thread that is always faster."""

    def later(task: Callable[[], T]) -> Future[T]:
        future: Future[T] = held.later(task)
        held.done()
        return future

    return later
