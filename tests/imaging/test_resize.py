from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.imaging.resize import UPSCALERS, ResizeMode, Upscaler, resize_image, upscale
from tests.imaging.painting import noise, ramp, values

SIDE = st.integers(1, 90)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(ResizeMode)), SIDE, SIDE, SIDE, SIDE, st.sampled_from(["L", "RGB", "RGBA"]), st.sampled_from(list(UPSCALERS)))
def test_the_size_is_met_and_the_mode_kept(mode: ResizeMode, width: int, height: int, to_width: int, to_height: int, kind: str, upscaler: str) -> None:
    made = resize_image(mode, noise(width, height).convert(kind), to_width, to_height, UPSCALERS[upscaler])
    assert made.size == (to_width, to_height)
    assert made.mode == kind


@pytest.mark.parametrize("mode", ResizeMode)
def test_the_same_size_changes_nothing(mode: ResizeMode) -> None:
    image = noise(40, 24)
    assert (values(resize_image(mode, image, 40, 24)) == values(image)).all()


def test_crop_keeps_the_middle_and_fill_keeps_all() -> None:
    image = ramp(80, 40)
    assert (values(resize_image(ResizeMode.CROP, image, 40, 40)) == values(image)[:, 20:60]).all()
    filled = values(resize_image(ResizeMode.FILL, image, 80, 80))
    assert (filled[20:60] == values(image)).all()
    assert (filled[:20] == filled[0]).all() and (filled[60:] == filled[-1]).all()
    assert np.abs(filled[0] - values(image)[0]).max() <= 1
    assert np.abs(filled[-1] - values(image)[-1]).max() <= 1


def test_stretched_edges_see_a_bicubic_kernel() -> None:
    """At the very edge a bicubic kernel gives the first row 9/8 and the second -1/8."""
    image = Image.fromarray(np.repeat(np.array([[100], [60], [60], [60]], np.uint8), 4, 1))
    made = values(resize_image(ResizeMode.FILL, image, 4, 8))
    assert made[:, 0].tolist() == [105, 105, 100, 60, 60, 60, 60, 60]


@pytest.mark.parametrize(("to_width", "to_height", "gap"), [(60, 20, "left"), (20, 60, "top"), (61, 20, "left"), (20, 61, "top")])
def test_no_gap_stays_black(to_width: int, to_height: int, gap: str) -> None:
    made = values(resize_image(ResizeMode.FILL, Image.new("RGB", (20, 20), "white"), to_width, to_height))
    assert made.min() == 255, gap


def counting(factor: float, calls: list[tuple[int, int]]) -> Upscaler:
    def run(image: Image.Image, scale: float) -> Image.Image:
        calls.append(image.size)
        return image.resize((int(image.width * factor), int(image.height * factor)))

    return run


@pytest.mark.parametrize(
    ("factor", "scale", "calls"),
    [
        (4, 2.0, [(16, 16)]),
        (2, 4.0, [(16, 16), (32, 32)]),
        (1.5, 8.0, [(16, 16), (24, 24), (36, 36)]),  # three calls at most
        (1, 2.0, [(16, 16)]),  # a call that changes nothing is the last
        (4, 1.0, [(16, 16)]),  # once even where nothing is to be done
        (4, 0.5, []),
    ],
)
def test_an_upscaler_is_called_until_it_is_enough(factor: float, scale: float, calls: list[tuple[int, int]]) -> None:
    made: list[tuple[int, int]] = []
    assert upscale(noise(16, 16), scale, counting(factor, made)).size == (int(16 * scale), int(16 * scale))
    assert made == calls


def test_sides_are_floored_to_multiples_of_eight() -> None:
    for upscaler in ("Lanczos", "Nearest"):
        function = UPSCALERS[upscaler]
        assert function is not None
        assert upscale(noise(50, 70), 1.3, function).size == (64, 88)


def test_only_growing_colour_pictures_meet_the_upscaler() -> None:
    calls: list[tuple[int, int]] = []
    resize_image(ResizeMode.STRETCH, noise(32, 32), 16, 16, counting(4, calls))
    resize_image(ResizeMode.STRETCH, noise(16, 16).convert("L"), 32, 32, counting(4, calls))
    assert not calls
    resize_image(ResizeMode.STRETCH, noise(16, 16), 32, 32, counting(4, calls))
    assert calls == [(16, 16)]


def test_nearest_repeats_pixels() -> None:
    image = noise(8, 8)
    made = resize_image(ResizeMode.STRETCH, image, 32, 32, UPSCALERS["Nearest"])
    assert (values(made) == values(image).repeat(4, 0).repeat(4, 1)).all()
