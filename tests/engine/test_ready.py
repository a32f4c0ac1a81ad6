"""Extensions have their turn: each picture its own words, drawn the same again from its file, also where the extension is gone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.core.params import from_dict
from modules.core.request import GenerationRequest, single
from modules.core.result import Cancel, Picture, Progress
from modules.engine.generate import Engine
from modules.engine.ready import PARTS, UNKEPT, Note, key, ready
from modules.infotext import files
from tests.engine.conftest import Draw, pixels
from tests.engine.sweeps.painting import Studio, document


def counted(request: GenerationRequest, note: Note) -> GenerationRequest:
    """A stand-in for an extension: NUMBER becomes the seed."""
    note("counted")
    if "NUMBER" not in request.prompt:
        return request
    record: dict[str, Any] = {"counter": {"was": {"prompt": request.prompt}}}
    return dataclasses.replace(request, prompt=request.prompt.replace("NUMBER", str(request.seed)), extensions={**request.extensions, **record})


@pytest.fixture
def counting(engine: Engine) -> Iterator[Engine]:
    engine.prepare = counted
    yield engine
    engine.prepare = lambda request, note: request


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, ready=lambda request: ready(request, lambda wish: wish, counted))


def test_each_picture_of_a_batch_is_drawn_from_words_of_its_own(counting: Engine, draw: Draw) -> None:
    result = draw(prompt="cat NUMBER", seed=7, count=2, batch_size=2, save=True)
    assert [picture.request.prompt for picture in result.pictures] == ["cat 7", "cat 8", "cat 9", "cat 10"]
    assert [picture.request.seed for picture in result.pictures] == [7, 8, 9, 10]
    assert [picture.index for picture in result.pictures] == [0, 1, 2, 3]
    assert result.notes == ("counted",)
    for picture in result.pictures:
        assert picture.request.as_is and picture.request.extensions == {"counter": {"was": {"prompt": "cat NUMBER"}}}
        assert 'Template: cat NUMBER, Extensions: "' in picture.infotext
    assert (result.request.prompt, result.request.pictures, result.request.as_is) == ("cat NUMBER", 4, False)
    assert len(result.request.model_hash) == 64


def test_a_picture_comes_back_from_its_file_without_the_extension(counting: Engine, draw: Draw) -> None:
    first = draw(prompt="cat NUMBER", seed=7, count=2).pictures[1]
    found = files.read(first.data).document
    assert found
    counting.prepare = lambda request, note: dataclasses.replace(request, prompt="something else")
    (again,) = counting.run(from_dict(GenerationRequest, found["request"]), lambda event: None, lambda: Cancel.NONE, False).pictures
    assert again.data == first.data


def test_a_whole_comes_back_with_all_its_pictures_without_the_extension(counting: Engine, draw: Draw) -> None:
    first = draw(prompt="cat NUMBER", seed=7, count=2)
    counting.prepare = lambda request, note: request
    again = counting.run(first.request, lambda event: None, lambda: Cancel.NONE, False)
    assert again.request == first.request
    assert [picture.data for picture in again.pictures] == [picture.data for picture in first.pictures]


def test_a_grid_comes_back_without_the_extension(counting: Engine, draw: Draw) -> None:
    script = {"name": "X/Y/Z plot", "args": {"x_type": "Seed", "x_values": "3,4", "include_pictures": True}}
    grid, *cells = draw(prompt="cat NUMBER", script=script).pictures
    assert [cell.request.prompt for cell in cells] == ["cat 3", "cat 4"]
    found = files.read(grid.data).document
    assert found and set(found["request"]["extensions"]) == {PARTS}
    counting.prepare = lambda request, note: request
    again, *more = counting.run(from_dict(GenerationRequest, found["request"]), lambda event: None, lambda: Cancel.NONE, False).pictures
    assert np.array_equal(pixels(again), pixels(grid)) and [one.data for one in more] == [one.data for one in cells]


def test_where_nothing_is_changed_the_request_stays_whole(studio: Studio) -> None:
    result = studio.draw(prompt="a cat", batch_size=3)
    assert [one.pictures for one in studio.asked] == [3] and result.request.extensions == {}
    assert all(picture.request.as_is for picture in result.pictures)


def test_what_is_to_be_left_alone_is(studio: Studio) -> None:
    result = studio.draw(prompt="cat NUMBER", as_is=True)
    assert result.pictures[0].request.prompt == "cat NUMBER" and result.notes == ()


def test_progress_and_indices_are_those_of_the_whole(studio: Studio) -> None:
    result = studio.draw(prompt="cat NUMBER", count=3, save=True)
    progress = [event for event in studio.events if isinstance(event, Progress)]
    assert [event.picture for event in progress] == [0, 1, 2] and {event.pictures for event in progress} == {3}
    assert [event.index for event in studio.events if isinstance(event, Picture)] == [0, 1, 2]
    assert studio.saved == [True] * 3 and len(result.pictures) == 3


def test_a_stop_between_two_pictures_keeps_the_first(studio: Studio) -> None:
    studio.halt = 1, Cancel.STOP
    result = studio.draw(prompt="cat NUMBER", count=3)
    assert result.cancelled is Cancel.STOP and len(result.pictures) == 1


def test_a_skip_goes_on_with_the_next_picture(studio: Studio) -> None:
    studio.halt = 1, Cancel.SKIP
    result = studio.draw(prompt="cat NUMBER", count=3)
    assert result.cancelled is Cancel.SKIP and [picture.complete for picture in result.pictures] == [True, False, True]


def test_parts_of_a_script_have_words_of_their_own(studio: Studio) -> None:
    grid, *cells = studio.draw("Prompt matrix", {"different_seeds": True}, prompt="cat NUMBER|red").pictures
    assert [cell.request.prompt for cell in cells] == ["cat 5", "cat 6, red"]
    assert len(document(grid)["request"]["extensions"][PARTS]) == 2 and document(grid)["request"]["prompt"] == "cat NUMBER|red"


def test_recorded_answers_of_anyones_making_choose_neither_model_nor_pictures(studio: Studio) -> None:
    plain = single(from_dict(GenerationRequest, {"prompt": "cat NUMBER", "width": 64, "height": 64, "steps": 3, "seed": 5, "sampler": "Euler"}), 0)
    for change in ({"model": "other"}, {"prompt": 3}, {"prompt": "x" * 30_000}, "a dog", None, {"nobody": 1}):
        record = {PARTS: {key(plain): change}}
        (picture,) = studio.draw(prompt="cat NUMBER", extensions=record).pictures
        assert (picture.request.prompt, picture.request.model) == ("cat 5", "tiny")
    (picture,) = studio.draw(prompt="cat NUMBER", extensions={PARTS: {key(plain): {"prompt": "a dog"}}}).pictures
    assert picture.request.prompt == "a dog"


def test_answers_too_many_to_keep_cost_no_picture(studio: Studio) -> None:
    result = studio.draw(prompt="NUMBER " + "x" * 19_000, count=20)
    assert len(result.pictures) == 20 and result.request.extensions == {} and UNKEPT in result.notes


def test_the_name_of_a_picture_does_not_depend_on_parameters_at_their_defaults() -> None:
    assert key(GenerationRequest(prompt="a", seed=1)) == "1a06c0f528027f57"
    assert len({key(GenerationRequest(prompt=prompt, seed=seed)) for prompt in "ab" for seed in (1, 2)}) == 4
