"""What new parts start from."""

from __future__ import annotations

import numpy as np
import pytest

from modules.imaging.margins import noisy, stretched
from tests.imaging import painting


@pytest.fixture
def part() -> tuple[np.ndarray, np.ndarray]:
    """A picture of noise, of which a corner is known."""
    known = np.zeros((40, 48), bool)
    known[:24, :30] = True
    return np.asarray(painting.noise(48, 40)), known


def test_edges_are_stretched_straight_out(part: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, known = part
    made = stretched(pixels, known)
    assert np.array_equal(made[known], pixels[known])
    assert (made[:24, 30:] == pixels[:24, 29:30]).all() and (made[24:, :30] == pixels[23:24, :30]).all()
    assert (made[24:, 30:] == pixels[23, 29]).all()


def test_hidden_pixels_are_never_looked_at(part: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, known = part
    other = np.where(known[..., None], pixels, 255 - pixels)
    for make in (stretched, noisy):
        assert np.array_equal(make(pixels, known), make(other, known))


def test_noise_has_the_colours_of_what_is_there(part: tuple[np.ndarray, np.ndarray]) -> None:
    _, known = part
    pixels = np.asarray(painting.ramp(48, 40))
    made = noisy(pixels, known)
    assert np.array_equal(made[known], pixels[known])
    assert np.abs(made[~known].mean(0) - pixels[known].mean(0)).max() < 12
    assert made[~known].std(0)[:2].min() > 5
