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


def slow(source: np.ndarray, mask: np.ndarray, falloff: float, variation: float) -> np.ndarray:
    """The same rule with sums instead of fast transforms, for planes of even sides; without the matching of colours. [H, W, 3] before it is masked."""
    rows, columns, _ = source.shape

    def centred(length: int) -> np.ndarray:
        """The orthonormal DFT with its zero in the middle, of places and of frequencies."""
        steps = np.arange(length) - length // 2
        return np.exp(-2j * np.pi * np.outer(steps, steps) / length) / length**0.5

    down, across = centred(rows), centred(columns)

    def there(plane: np.ndarray) -> np.ndarray:
        return np.einsum("ij,jkc,kl->ilc", down, plane, across)

    def back(plane: np.ndarray) -> np.ndarray:
        return np.einsum("ij,jkc,kl->ilc", down.conj(), plane, across.conj()).real

    hidden = mask.mean(-1, keepdims=True)
    seen = source * (1 - hidden)
    spectrum = there(seen / seen.max() + source.mean() * mask)
    random = np.random.default_rng(0).random(source.shape)
    random = variation * random + (1 - variation) * random.mean(-1, keepdims=True)
    shorter = min(rows, columns)
    window = np.array([[1 / ((((2 * y - rows) / shorter) ** 2 + 1) * (((2 * x - columns) / shorter) ** 2 + 1)) for x in range(columns)] for y in range(rows)])
    power = np.abs(there(back(there(random) * window[..., None]))) ** 2
    return back(power * np.abs(spectrum) ** (falloff - 1) * spectrum)


@pytest.mark.parametrize(("width", "height", "falloff", "variation"), [(12, 8, 1.0, 0.05), (8, 12, 2.0, 0.5), (10, 18, 0.5, 1.0)])
def test_it_equals_the_slow_one(width: int, height: int, falloff: float, variation: float) -> None:
    """Matching of colours keeps the order of values, so within the grown part it is the order that must agree."""
    image, grown = noise(width, height), box_mask(width, height, (5, 0, width, height))
    image.paste(0, grown)
    source, mask = np.asarray(image) / 255, np.asarray(grown.convert("RGB")) / 255
    inside = mask[..., 0] == 1
    made, wanted = shaped_noise(source, mask, falloff, variation)[inside], slow(source, mask, falloff, variation)[inside]
    for channel in range(3):
        assert (np.diff(made[np.argsort(wanted[:, channel]), channel]) >= 0).all()
