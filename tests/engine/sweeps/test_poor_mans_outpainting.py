"""The tiles that reach beyond the start picture, and the picture they are joined to."""

from __future__ import annotations

import numpy as np
import pytest

from modules.core.errors import InvalidRequest
from modules.core.result import Cancel
from tests.engine.sweeps.painting import Studio, color_of, pixels, same

DOWN = {"pixels": 32, "blur": 2, "content": "latent nothing", "directions": ["down"]}


def test_the_picture_grows_and_its_own_part_stays(studio: Studio) -> None:
    result = studio.draw("Poor man's outpainting", DOWN, init=studio.start(128, 96), count=3, batch_size=2)
    (picture,) = result.pictures
    assert (picture.width, picture.height) == (128, 128)
    assert [one.seed for one in studio.asked] == list(range(5, 5 + len(studio.asked)))
    for one in studio.asked:
        assert (one.mask.blur_x, one.mask.blur_y, one.mask.content, one.mask.area, one.pictures) == (4, 4, "latent nothing", "Whole picture", 1)
    source = np.asarray(studio.picture(studio.start(128, 96)["image"]))
    assert np.array_equal(pixels(picture)[:32], source[:32])
    assert tuple(pixels(picture)[-1, 0]) in {color_of(one) for one in studio.asked}


def test_only_the_joined_picture_is_kept(studio: Studio) -> None:
    result = studio.draw("Poor man's outpainting", DOWN, init=studio.start(), save=True)
    assert studio.stored == [""] and not any(studio.saved)
    assert "Seed: 5, Size: 64x64" in result.pictures[0].infotext and result.infotexts == ()


def test_a_stop_leaves_the_rest_of_the_canvas(studio: Studio) -> None:
    studio.halt = 1, Cancel.STOP
    (picture,) = studio.draw("Poor man's outpainting", DOWN, init=studio.start(128, 96)).pictures
    assert not picture.complete and not pixels(picture)[-1, -1].any()


def test_it_can_be_made_again(studio: Studio) -> None:
    result = studio.draw("Poor man's outpainting", DOWN, init=studio.start(), seed=-1)
    assert same(result, studio.again(result.pictures[0].request))


@pytest.mark.parametrize(("args", "said"), [({"directions": []}, "direction"), ({"pixels": 64}, "overlap")])
def test_what_cannot_be_grown_is_said(studio: Studio, args: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        studio.draw("Poor man's outpainting", args, init=studio.start())


def test_too_many_tiles_are_refused(studio: Studio) -> None:
    with pytest.raises(InvalidRequest, match="tiles"):
        studio.draw("Poor man's outpainting", {"pixels": 56}, init=studio.start(1200, 1200))
