"""The grid of a click: when there is one, what it shows and where it goes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.core.result import Picture, Result
from modules.core.saving import Saving
from modules.engine.sweeps.overview import MOST, overview
from modules.engine.sweeps.tools import Tools
from modules.infotext import files
from tests.engine.sweeps.painting import Studio, painted, pixels, resolve


def tools(studio: Studio, **settings: object) -> Tools:
    return Tools(studio.blobs, resolve, studio._store, dict, saving=with_values(Saving(), settings))


def result(count: int, **values: Any) -> Result:
    request = dataclasses.replace(GenerationRequest(width=64, height=64, seed=1), **values)
    return Result(request, tuple(painted(dataclasses.replace(request, seed=seed), seed, {}, True) for seed in range(count)))


@pytest.mark.parametrize(
    ("settings", "count", "shown", "kept"),
    [
        ({}, 2, False, 1),
        ({}, 1, False, 0),
        ({}, 0, False, 0),
        ({"grid_only_if_multiple": False}, 1, False, 1),
        ({"grid_save": False}, 3, False, 0),
        ({"grid_save": False, "return_grid": True}, 3, True, 0),
    ],
)
def test_when_there_is_a_grid(studio: Studio, settings: dict[str, Any], count: int, shown: bool, kept: int) -> None:
    grid, notes = overview(result(count), tools(studio, **settings))
    assert ((grid is not None), len(studio.stored), notes) == (shown, kept, [])


def test_a_grid_that_is_shown_is_saved_with_the_rest(studio: Studio) -> None:
    grid, _ = overview(result(2), tools(studio, return_grid=True))
    assert grid and studio.stored == []


@pytest.mark.parametrize(("settings", "size"), [({}, (128, 128)), ({"n_rows": 1}, (256, 64)), ({"n_rows": 0}, (128, 128)), ({"n_rows": 4}, (64, 256))])
def test_it_shows_every_picture_row_by_row(studio: Studio, settings: dict[str, Any], size: tuple[int, int]) -> None:
    made = result(4, batch_size=2)
    grid, _ = overview(made, tools(studio, return_grid=True, **settings))
    assert isinstance(grid, Picture) and (grid.width, grid.height) == size
    cells = pixels(grid).reshape(size[1] // 64, 64, size[0] // 64, 64, 3)[:, 0, :, 0].reshape(-1, 3)
    assert [tuple(cell) for cell in cells] == [tuple(pixels(picture)[0, 0]) for picture in made.pictures]


def test_no_request_makes_it_again(studio: Studio) -> None:
    made = result(2)
    grid, _ = overview(made, tools(studio, return_grid=True))
    assert grid
    found = files.read(grid.data)
    assert (found.parameters, found.document) == (made.pictures[0].infotext, None)


def test_one_that_would_fill_the_memory_is_left_out_and_said(studio: Studio) -> None:
    made = result(2)
    wide = dataclasses.replace(made.pictures[0], width=MOST, height=1)
    grid, notes = overview(dataclasses.replace(made, pictures=(wide, *made.pictures)), tools(studio))
    assert grid is None and "too large" in notes[0] and studio.stored == []
