from __future__ import annotations

import numpy as np
import pytest

from modules.imaging.shaped_noise import shaped_noise
from tests.imaging.painting import box_mask, noise, ramp

WIDE = box_mask(64, 32, (40, 0, 64, 32))


def arrays(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    image = noise(64, 32, seed)
    image.paste(0, WIDE)
    return np.asarray(image) / 255, np.asarray(WIDE.convert("RGB")) / 255


def test_what_is_kept_is_exact_and_the_rest_takes_its_colours() -> None:
    source, mask = arrays()
    made = shaped_noise(source, mask)
    kept = mask[..., 0] == 0
    assert made.shape == source.shape and (made[kept] == source[kept]).all()
    assert made.min() >= 0 and made.max() <= 1
    for channel in range(3):
        there, here = made[~kept, channel], source[kept, channel]
        assert np.abs(np.quantile(there, [0.1, 0.5, 0.9]) - np.quantile(here, [0.1, 0.5, 0.9])).max() < 0.03


def test_it_is_always_the_same() -> None:
    assert (shaped_noise(*arrays()) == shaped_noise(*arrays())).all()


def test_falloff_makes_it_smoother() -> None:
    source = np.asarray(ramp(64, 64)) / 255
    mask = np.asarray(box_mask(64, 64, (32, 0, 64, 64)).convert("RGB")) / 255

    def roughness(falloff: float) -> float:
        return float(np.abs(np.diff(shaped_noise(source, mask, falloff)[:, 32:], axis=0)).mean())

    assert roughness(2.0) < roughness(1.0) < roughness(0.0)


def test_no_variation_is_one_pattern_in_all_channels() -> None:
    grey = np.repeat(np.asarray(noise(64, 32).convert("L"))[..., None], 3, -1) / 255
    _, mask = arrays()
    made = shaped_noise(grey * (1 - mask), mask, variation=0.0)
    assert np.allclose(made[..., 0], made[..., 1])
    colored = shaped_noise(grey * (1 - mask), mask, variation=0.9)
    assert not np.allclose(colored[..., 0], colored[..., 1])


@pytest.mark.parametrize(("light", "hidden"), [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.0)])
def test_nothing_to_learn_from(light: float, hidden: float) -> None:
    made = shaped_noise(np.full((16, 24, 3), light), np.full((16, 24, 3), hidden))
    assert np.isfinite(made).all()
    if not hidden:
        assert (made == light).all()
