"""Tiles, their seeds, and what they are joined to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modules.core.errors import InvalidRequest
from modules.core.result import Cancel
from tests.engine.sweeps.painting import Studio, color_of, pixels, same

ARGS = {"overlap": 16, "upscaler": "lanczos", "scale": 1.5}


def test_tiles_are_drawn_anew_and_joined(studio: Studio) -> None:
    result = studio.draw("SD upscale", ARGS, init=studio.start())
    (picture,) = result.pictures
    assert (picture.width, picture.height) == (96, 96)
    assert [one.seed for one in studio.asked] == [5, 6, 7, 8]
    assert {inputs[0].size for inputs in studio.inputs} == {(64, 64)} and len({one.init.image for one in studio.asked}) == 4
    corners = [pixels(picture)[y, x] for y in (0, -1) for x in (0, -1)]
    assert [tuple(corner) for corner in corners] == [color_of(one) for one in studio.asked]


def test_texts_are_the_first_tiles(studio: Studio) -> None:
    result = studio.draw("SD upscale", ARGS, init=studio.start(), count=2)
    first, _ = result.pictures
    assert result.infotexts == (first.infotext, first.infotext) and result.first == 0
    assert "Denoising strength: 0.6, RNG: CPU, SD upscale overlap: 16, SD upscale upscaler: Lanczos" in first.infotext
    assert "Size: 64x64" in first.infotext


def test_only_the_joined_picture_is_kept(studio: Studio) -> None:
    result = studio.draw("SD upscale", ARGS, init=studio.start(), save=True)
    assert studio.saved == [False] * 4 and studio.stored == [""]
    assert [event for event in studio.events if event in result.pictures] == list(result.pictures)


def test_batches_overlap_in_their_seeds(studio: Studio) -> None:
    studio.draw("SD upscale", ARGS, init=studio.start(), batch_size=2)
    assert [one.seed for one in studio.asked] == [5, 6, 6, 7]
    studio.draw("SD upscale", ARGS, init=studio.start(), batch_size=2, variation={"seed": 3, "strength": 0.2})
    assert [(one.seed, one.variation.seed) for one in studio.asked[4:]] == [(5, 3), (5, 4), (6, 3), (6, 4)]


def test_repeats_begin_one_seed_later_and_can_be_made_alone(studio: Studio) -> None:
    _, second = studio.draw("SD upscale", ARGS, init=studio.start(), count=2).pictures
    assert [one.seed for one in studio.asked] == [5, 6, 7, 8, 6, 7, 8, 9]
    (alone,) = studio.again(second.request).pictures
    assert np.array_equal(pixels(alone), pixels(second))


def test_without_an_upscaler_the_size_stays(studio: Studio) -> None:
    (picture,) = studio.draw("SD upscale", {**ARGS, "upscaler": "None"}, init=studio.start(96, 72)).pictures
    assert (picture.width, picture.height) == (96, 72)


def test_a_stop_leaves_the_enlarged_picture_where_no_tile_was_drawn(studio: Studio) -> None:
    studio.halt = 1, Cancel.STOP
    (picture,) = studio.draw("SD upscale", {**ARGS, "upscaler": "None"}, init=studio.start(96, 96)).pictures
    assert not picture.complete
    source = np.asarray(studio.picture(studio.start(96, 96)["image"]))
    assert tuple(pixels(picture)[0, 0]) == color_of(studio.asked[0])
    assert np.array_equal(pixels(picture)[64:, 64:], source[64:, 64:])


@pytest.mark.parametrize(
    ("args", "side", "size", "field"),
    [
        ({"scale": 4}, 64, 6000, "scale"),
        ({"overlap": 63, "upscaler": "None"}, 64, 500, "overlap"),
        ({"overlap": 64}, 64, 64, "overlap"),
    ],
)
def test_what_would_be_too_much_is_refused(studio: Studio, args: dict[str, Any], side: int, size: int, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        studio.draw("SD upscale", {**ARGS, **args}, init=studio.start(size, size), width=side, height=side)
    assert caught.value.field == f"script.args.{field}" and caught.value.remedy
    assert studio.asked == []


def test_it_can_be_made_again(studio: Studio) -> None:
    result = studio.draw("SD upscale", ARGS, init=studio.start(), seed=-1)
    assert same(result, studio.again(result.pictures[0].request))
