"""Combinations, seeds, the grid and its texts."""

from __future__ import annotations

import pytest

from modules.core.errors import InvalidRequest
from modules.core.result import Cancel
from modules.engine.sweeps.prompt_matrix import combinations
from tests.engine.sweeps.painting import Studio, color_of, document, pixels, same


@pytest.mark.parametrize(
    ("text", "at_start", "joining", "prompts"),
    [
        ("a cat", False, ", ", ["a cat"]),
        ("a cat | red, |,big", False, ", ", ["a cat ", "a cat , red", "a cat , big", "a cat , red, big"]),
        ("a cat|red|big", True, " ", ["a cat", "red a cat", "big a cat", "red big a cat"]),
        ("|x", False, ", ", ["", ", x"]),
    ],
)
def test_combinations(text: str, at_start: bool, joining: str, prompts: list[str]) -> None:
    assert combinations(text, at_start, joining) == prompts


def test_eleven_parts_are_too_many() -> None:
    with pytest.raises(InvalidRequest, match="11"):
        combinations("a" + "|b" * 11, False, ", ")


def test_each_combination_is_one_picture_in_a_labelled_grid(studio: Studio) -> None:
    result = studio.draw("Prompt matrix", prompt="a cat|red|big|old", count=3, batch_size=2, width=128)
    grid, *cells = result.pictures
    assert [one.prompt for one in studio.asked] == combinations("a cat|red|big|old", False, ", ")
    assert {(one.seed, one.count, one.batch_size) for one in studio.asked} == {(5, 1, 1)}
    assert (result.first, len(cells)) == (1, 8)
    left, top = grid.width - 4 * 128, grid.height - 2 * 64
    assert left == 96 and top > 0
    for index, cell in enumerate(cells):
        corner = pixels(grid)[top + index // 4 * 64, left + index % 4 * 128]
        assert tuple(corner) == color_of(cell.request)
    assert result.infotexts == (cells[0].infotext, *(cell.infotext for cell in cells))


def test_different_seeds_count_up_and_variation_seeds_always_do(studio: Studio) -> None:
    studio.draw("Prompt matrix", {"different_seeds": True}, prompt="a|b", variation={"seed": 9, "strength": 0.5})
    studio.draw("Prompt matrix", {}, prompt="a|b", variation={"seed": 9, "strength": 0.5})
    assert [(one.seed, one.variation.seed) for one in studio.asked] == [(5, 9), (6, 10), (5, 9), (5, 10)]


def test_the_negative_prompt_can_be_combined(studio: Studio) -> None:
    studio.draw("Prompt matrix", {"prompt": "negative", "joining": "space"}, prompt="a|b", negative_prompt="grey|blue")
    assert [(one.prompt, one.negative_prompt) for one in studio.asked] == [("a|b", "grey"), ("a|b", "grey blue")]


def test_styles_are_left_to_each_picture(studio: Studio) -> None:
    result = studio.draw("Prompt matrix", prompt="a|b", styles=["film"])
    assert {one.styles for one in studio.asked} == {("film",)} and result.request.styles == ("film",)


def test_the_grid_can_be_made_again_from_its_file(studio: Studio) -> None:
    result = studio.draw("prompt MATRIX", {"margin": 4}, prompt="a cat|red|big", seed=-1)
    grid = result.pictures[0]
    assert grid.request == result.request and grid.request.seed >= 0
    again = studio.again(grid.request)
    assert same(result, again) and again.request == result.request
    assert document(grid)["request"]["script"]["args"]["margin"] == 4


def test_an_interrupted_grid_has_black_cells(studio: Studio) -> None:
    studio.halt = 1, Cancel.STOP
    grid, cell = studio.draw("Prompt matrix", prompt="a cat|red").pictures
    seen = pixels(grid)
    assert tuple(seen[-1, 0]) == color_of(cell.request) and not seen[-1, -1].any()
