"""Where drawn parts meet what was there: exact outside of the feather, without a step at the border, smooth in between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.imaging.seam import joined, membrane
from tests.imaging import painting


def half(width: int = 64, height: int = 48, at: int = 24) -> np.ndarray:
    """Known from the column `at` on."""
    known = np.zeros((height, width), bool)
    known[:, at:] = True
    return known


@pytest.mark.parametrize("feather", [0, 1, 8, 30, 100])
def test_the_original_is_exact_outside_of_the_feather(feather: int) -> None:
    pixels, drawn = np.asarray(painting.noise(64, 48)), np.asarray(painting.noise(64, 48, 1))
    made = joined(pixels, half(), drawn, feather)
    assert np.array_equal(made[:, 24 + feather :], pixels[:, 24 + feather :])
    if feather:
        assert not np.array_equal(made[:, 24 : 24 + feather], pixels[:, 24 : 24 + feather])
    assert made[:, :24].std() > 0


@pytest.mark.parametrize("feather", [0, 8])
@pytest.mark.parametrize("off", [(30, -20, 10), (0, 0, 0)])
def test_what_differs_by_a_colour_leaves_no_step(feather: int, off: tuple[int, int, int]) -> None:
    """A drawn part that is the true picture, but for an offset and a slope along the border, comes out as the picture goes on."""
    true = np.asarray(painting.ramp(64, 48)).astype(int) // 2 + 60
    drawn = (true + np.array(off) + np.arange(48)[:, None, None] // 6).clip(0, 255).astype(np.uint8)
    known = half()
    made = joined(np.where(known[..., None], true, 0).astype(np.uint8), known, drawn, feather).astype(int)
    steps = np.abs(np.diff(made, axis=1)).mean((0, 2))
    assert steps[23] <= steps[30:50].mean() + 0.5
    assert np.abs(made[:, 16:24] - true[:, 16:24]).mean() < 2


def test_an_l_shaped_rest_and_single_pixels_are_joined_too() -> None:
    pixels, drawn = np.asarray(painting.ramp(61, 47)), np.asarray(painting.noise(61, 47))
    for known in (half(61, 47), np.zeros((47, 61), bool)):
        known[40, 3] = True
        made = joined(pixels, known, drawn, 0)
        assert np.array_equal(made[known], pixels[known])


def test_nothing_new_changes_nothing() -> None:
    pixels = np.asarray(painting.noise(20, 20))
    assert np.array_equal(joined(pixels, np.ones((20, 20), bool), 255 - pixels, 8), pixels)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0.01, 1))
def test_a_membrane_meets_what_is_known_and_stays_within_it(width: int, height: int, seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(height, width, 2)).astype(np.float32)
    known = random.random((height, width)) < share
    known[0, 0] = True
    surface = membrane(values, known)
    assert np.array_equal(surface[known], values[known])
    low, high = values[known].min(0) - 1e-4, values[known].max(0) + 1e-4
    assert ((surface >= low) & (surface <= high)).all()


def test_a_membrane_between_two_edges_is_nearly_the_plane_between_them() -> None:
    values = np.zeros((32, 65, 1), np.float32)
    values[:, -1] = 64
    known = np.zeros((32, 65), bool)
    known[:, [0, -1]] = True
    assert np.abs(membrane(values, known)[..., 0] - np.arange(65)).max() < 8
