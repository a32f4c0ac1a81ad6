"""Sides in their order, seeds, masks, and the grown picture."""

from __future__ import annotations

import numpy as np
import pytest

from modules.core.errors import InvalidRequest
from modules.core.result import Cancel
from tests.engine.sweeps.painting import Studio, color_of, document, pixels, same

SIDES = {"pixels": 64, "blur": 4, "directions": ["right", "left"]}


def test_sides_grow_one_after_the_other_with_one_seed(studio: Studio) -> None:
    result = studio.draw("Outpainting mk2", SIDES, init=studio.start(), width=96, mask={"content": "fill", "area": "Only masked"})
    (picture,) = result.pictures
    assert (picture.width, picture.height) == (192, 64)
    assert [one.seed for one in studio.asked] == [5, 5]
    left, right = studio.asked
    assert (left.width, right.width) == (96, 96)
    for one, inputs in zip(studio.asked, studio.inputs, strict=True):
        assert (one.mask.blur_x, one.mask.blur_y, one.mask.content, one.mask.area) == (16, 0, "original", "Whole picture")
        assert [image.size for image in inputs] == [(one.width, one.height)] * 3
    assert [studio.inputs[place][1].getpixel((0, 0)) for place in (0, 1)] == [255, 0]
    assert tuple(pixels(picture)[0, 0]) == color_of(left)
    assert tuple(pixels(picture)[0, -1]) == color_of(right)


def test_sizes_of_the_jobs_follow_the_request_across_the_growing_side(studio: Studio) -> None:
    studio.draw("Outpainting mk2", {"pixels": 64, "directions": ["down"]}, init=studio.start(128, 64), width=64, height=96)
    assert [(one.width, one.height) for one in studio.asked] == [(128, 96)]


def test_a_batch_is_several_pictures_behind_a_grid(studio: Studio) -> None:
    result = studio.draw("Outpainting mk2", SIDES, init=studio.start(), batch_size=2, save=True)
    grid, *pictures = result.pictures
    assert [one.seed for one in studio.asked] == [5, 5, 6, 6]
    assert (grid.width, len(pictures), result.first) == (384, 2, 0)
    assert len(set(result.infotexts)) == 1 and len(result.infotexts) == 3
    assert studio.stored == ["grid", "", ""] and studio.saved == [False] * 4
    (alone,) = studio.again(pictures[1].request).pictures
    assert np.array_equal(pixels(alone), pixels(pictures[1]))


def test_without_a_seed_each_job_draws_one_and_they_are_recorded(studio: Studio) -> None:
    result = studio.draw("Outpainting mk2", SIDES, init=studio.start(), seed=-1, count=2)
    seeds = [one.seed for one in studio.asked]
    assert len(set(seeds)) == 4 and result.request.seed == seeds[0]
    assert document(result.pictures[0])["request"]["script"]["args"]["seeds"] == seeds
    assert same(result, studio.again(result.pictures[0].request))
    (alone,) = studio.again(result.pictures[2].request).pictures
    assert np.array_equal(pixels(alone), pixels(result.pictures[2]))


def test_another_seed_puts_recorded_ones_aside(studio: Studio) -> None:
    studio.draw("Outpainting mk2", {**SIDES, "seeds": [1, 2]}, init=studio.start(), seed=3)
    assert [one.seed for one in studio.asked] == [3, 3]


def test_a_stop_keeps_the_sides_that_are_done(studio: Studio) -> None:
    studio.halt = 1, Cancel.STOP
    (picture,) = studio.draw("Outpainting mk2", SIDES, init=studio.start()).pictures
    assert picture.width == 128 and not picture.complete


def test_no_direction_is_refused(studio: Studio) -> None:
    with pytest.raises(InvalidRequest, match="direction"):
        studio.draw("Outpainting mk2", {"directions": []}, init=studio.start())
