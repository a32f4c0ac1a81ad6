from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from modules.imaging.color import BAND, correct, lit, matched_values
from tests.imaging.painting import noise, ramp, values


def test_matching_oneself_changes_nothing() -> None:
    plane = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    assert np.allclose(matched_values(plane, plane), plane)
    floats = np.random.default_rng(0).random(100)
    assert np.allclose(matched_values(floats, floats), floats)


def test_by_hand() -> None:
    """Shares 1/4, 3/4, 1 of the values meet shares 1/2, 1 of the target: 1/4 lies before the first, 3/4 half-way between."""
    made = matched_values(np.array([[3, 5], [5, 9]], np.uint8), np.array([10, 20], np.uint8))
    assert made.tolist() == [[10.0, 15.0], [15.0, 20.0]]
    assert made.tolist() == matched_values(np.array([[3.0, 5.0], [5.0, 9.0]]), np.array([10.0, 20.0])).tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_order_and_range(kind: type) -> None:
    rng = np.random.default_rng(1)
    plane: np.ndarray = rng.integers(0, 256, 500).astype(kind)
    target: np.ndarray = rng.integers(60, 90, 300).astype(kind)
    made = matched_values(plane, target)
    assert made.min() >= 60 and made.max() <= 89
    assert (np.diff(made[np.argsort(plane, kind="stable")]) >= 0).all()


def test_the_result_takes_the_colours_and_keeps_the_light() -> None:
    image = ramp(64, 64)
    target = Image.fromarray((values(noise(48, 48)) * (0.5, 0.2, 0.1)).astype(np.uint8))
    made = correct(image, target)
    assert made.size == image.size
    weights = (0.299, 0.587, 0.114)
    assert np.abs((values(made) - values(image)) @ weights).max() < 3

    def channels(picture: Image.Image) -> np.ndarray:
        return cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2LAB).astype(int)[..., 1:].mean((0, 1))

    assert np.abs(channels(made) - channels(target)).max() < np.abs(channels(image) - channels(target)).max() / 2


@pytest.mark.parametrize("grey", [0, 1, 128, 254, 255])
def test_greys_stay_whole(grey: int) -> None:
    """A rounding error beyond white or black is not divided by zero."""
    image = Image.new("RGB", (3, 3), (grey, grey, grey))
    with np.errstate(all="raise"):
        assert np.abs(values(lit(Image.new("RGB", (3, 3), "white"), image)) - grey).max() <= 1
        assert np.abs(values(lit(Image.new("RGB", (3, 3), "black"), image)) - grey).max() <= 1


def test_the_bands_do_not_show() -> None:
    colors, light = noise(2, BAND + 9), noise(2, BAND + 9, seed=1)
    whole = lit(colors, light)
    box = (0, BAND - 3, 2, BAND + 5)
    assert (values(whole.crop(box)) == values(lit(colors.crop(box), light.crop(box)))).all()
