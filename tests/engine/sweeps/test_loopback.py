"""Strengths, seeds, what each loop starts from, and which pictures come back."""

from __future__ import annotations

import math

import pytest

from modules.core.result import Cancel
from modules.engine.sweeps.loopback import Arguments, strength_at
from tests.engine.sweeps.painting import Studio, color_of, pixels, same


@pytest.mark.parametrize(("curve", "halfway"), [("Linear", 0.5), ("Aggressive", math.sin(math.pi / 4)), ("Lazy", 1 - math.cos(math.pi / 4))])
def test_strength_moves_from_the_requests_to_the_final_one(curve: str, halfway: float) -> None:
    arguments = Arguments(loops=3, final_strength=0.2, curve=curve)  # type: ignore[arg-type]
    strengths = [strength_at(loop, arguments, 0.6) for loop in range(3)]
    assert strengths == pytest.approx([0.6, 0.6 - 0.4 * halfway, 0.2])
    assert strength_at(0, Arguments(loops=1, final_strength=0.2), 0.6) == 0.6


def test_each_loop_starts_from_the_one_before(studio: Studio) -> None:
    start = studio.start()
    mask = {"image": start["image"], "content": "latent noise"}
    result = studio.draw("Loopback", {"loops": 3, "final_strength": 0.2}, init=start, mask=mask, batch_size=4)
    grid, *loops = result.pictures
    assert [one.seed for one in studio.asked] == [5, 6, 7]
    assert [one.pictures for one in studio.asked] == [1, 1, 1]
    assert [one.mask.content for one in studio.asked] == ["latent noise", "original", "original"]
    assert studio.asked[0].init.image == start["image"]
    for before, after in zip(loops, studio.asked[1:], strict=False):
        assert studio.picture(after.init.image).getpixel((0, 0)) == color_of(before.request)
    assert (grid.width, grid.height, result.first) == (3 * 64, 64, 0)
    assert [tuple(pixels(grid)[0, 64 * place]) for place in range(3)] == [color_of(picture.request) for picture in loops]


def test_texts_are_the_first_loops_and_each_picture_has_its_own(studio: Studio) -> None:
    result = studio.draw("Loopback", {"loops": 2, "final_strength": 0.4}, init=studio.start())
    _, first, second = result.pictures
    assert result.infotexts == (first.infotext,) * 3
    assert "Denoising strength: 0.6, RNG: CPU, Final denoising strength: 0.4, Denoising curve: Linear" in first.infotext
    assert "Seed: 6" in second.infotext and "Denoising strength: 0.4" in second.infotext


def test_several_batches_begin_anew_and_keep_their_last(studio: Studio) -> None:
    start = studio.start()
    result = studio.draw("Loopback", {"loops": 2}, init=start, count=2)
    assert [one.seed for one in studio.asked] == [5, 6, 7, 8]
    assert [one.init.image == start["image"] for one in studio.asked] == [True, False, True, False]
    assert [picture.request for picture in result.pictures[1:]] == [studio.asked[1], studio.asked[3]]


@pytest.mark.parametrize("corrects", [True, False])
def test_every_loop_takes_its_colours_from_the_first_start_picture(studio: Studio, corrects: bool) -> None:
    start = studio.start()
    studio.draw("Loopback", {"loops": 3}, init={**start, "color_correction": corrects})
    assert [one.init.color_from for one in studio.asked] == [start["image"] if corrects else ""] * 3


def test_a_single_loop_has_no_grid(studio: Studio) -> None:
    assert len(studio.draw("Loopback", {"loops": 1}, init=studio.start()).pictures) == 1


def test_a_stop_keeps_the_loops_that_are_done(studio: Studio) -> None:
    studio.halt = 2, Cancel.STOP
    grid, *loops = studio.draw("Loopback", {"loops": 4}, init=studio.start()).pictures
    assert len(loops) == 2 and not grid.complete


def test_the_grid_can_be_made_again(studio: Studio) -> None:
    result = studio.draw("Loopback", {"loops": 2}, init=studio.start(), seed=-1)
    assert same(result, studio.again(result.pictures[0].request))
