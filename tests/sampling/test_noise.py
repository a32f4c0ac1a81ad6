from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modules.core.request import NoiseSource
from modules.sampling.brownian import BrownianPath
from modules.sampling.noise import PictureNoise, SeedVariation, pasted, slerp

SHAPE = (4, 8, 6)
SOURCES: tuple[NoiseSource, ...] = ("CPU", "GPU", "NV")
SEEDS, SUBSEEDS = [3, 99, 2**40], [7, 8, 9]


def plain(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("strength", [0.0, 0.4])
@pytest.mark.parametrize("resize", [(0, 0), (64, 32), (24, 200)])
@pytest.mark.parametrize("ensd", [0, 31337])
def test_a_picture_of_a_batch_is_as_it_is_alone(source: NoiseSource, strength: float, resize: tuple[int, int], ensd: int) -> None:
    batch = PictureNoise(SEEDS, SHAPE, source, "cpu", SeedVariation(SUBSEEDS, strength, resize), ensd)
    alone = [PictureNoise([seed], SHAPE, source, "cpu", ([subseed], strength, resize), ensd) for seed, subseed in zip(SEEDS, SUBSEEDS, strict=True)]
    assert torch.equal(batch.first(), torch.cat([one.first() for one in alone]))
    for _ in range(2):
        assert torch.equal(batch(), torch.cat([one() for one in alone]))
    sigma, sigma_next = torch.tensor(5.0), torch.tensor(3.5)
    assert torch.equal(batch.brownian(sigma, sigma_next), torch.cat([one.brownian(sigma, sigma_next) for one in alone]))


def test_the_cpus_noise_is_torchs() -> None:
    noise = PictureNoise([1234], SHAPE)
    generator = torch.Generator().manual_seed(1234)
    for found in (noise.first(), noise(), noise()):
        assert torch.equal(found[0], torch.randn(SHAPE, generator=generator))
    assert torch.equal(PictureNoise([1234], SHAPE, "GPU").first(), PictureNoise([1234], SHAPE).first())
    assert not torch.equal(PictureNoise([1234], SHAPE, "NV").first(), PictureNoise([1234], SHAPE).first())


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    noise = PictureNoise(SEEDS, SHAPE, variation=(SUBSEEDS, 0.5, (64, 64)), ensd=4)
    noise.first(), noise(), noise.brownian(torch.tensor(3.0), torch.tensor(2.0))
    assert torch.equal(before, torch.random.get_rng_state())


def test_first_starts_anew_and_the_first_draw_is_the_first_noise() -> None:
    noise = PictureNoise([5], SHAPE)
    start, following = noise.first(), noise()
    assert torch.equal(noise.first(), start) and torch.equal(noise(), following)
    assert torch.equal(PictureNoise([5], SHAPE)(), start)


def test_ensd_changes_the_later_draws_alone() -> None:
    without, with_ensd = PictureNoise([5], SHAPE), PictureNoise([5], SHAPE, ensd=31337)
    assert torch.equal(without.first(), with_ensd.first())
    assert torch.equal(with_ensd()[0], plain(5 + 31337))
    assert not torch.equal(without(), with_ensd())
    sigma, sigma_next = torch.tensor(5.0), torch.tensor(3.5)
    assert torch.equal(without.brownian(sigma, sigma_next), with_ensd.brownian(sigma, sigma_next))


def test_variation_goes_from_one_seed_to_the_other() -> None:
    def at(strength: float) -> Tensor:
        return PictureNoise([5], SHAPE, variation=([6], strength, (0, 0))).first()[0]

    assert torch.equal(at(0), plain(5))
    assert torch.allclose(at(1), plain(6), atol=1e-5)
    middle = at(0.5)
    assert torch.allclose((middle - plain(5)).abs().mean(), (middle - plain(6)).abs().mean(), rtol=0.15)
    varied = PictureNoise([5], SHAPE, variation=([6], 0.5, (0, 0)))
    unvaried = PictureNoise([5], SHAPE)
    varied.first(), unvaried.first()
    assert torch.equal(varied(), unvaried())


def test_slerp_keeps_the_length_of_equally_long_ones() -> None:
    start, end = plain(1), plain(2)
    end = end * start.norm(dim=1, keepdim=True) / end.norm(dim=1, keepdim=True)
    for share in (0.0, 0.25, 0.5, 1.0):
        assert torch.allclose(slerp(share, start, end).norm(dim=1), start.norm(dim=1), rtol=1e-4)


def test_slerp_of_nearly_parallel_ones_is_straight_with_swapped_weights() -> None:
    start = plain(1)
    assert torch.allclose(slerp(0.25, start, 2 * start), 1.75 * start)


def test_slerp_of_a_single_row_is_finite() -> None:
    assert slerp(0.3, plain(1, (4, 1, 6)), plain(2, (4, 1, 6))).isfinite().all()
    assert slerp(0.3, plain(1), -plain(1)).isfinite().all()


def test_seed_resize_keeps_the_composition_in_the_middle() -> None:
    found = PictureNoise([5], SHAPE, variation=([0], 0.0, (32, 32))).first()[0]
    expected = plain(5)
    expected[:, 2:6, 1:5] = plain(5, (4, 4, 4))
    assert torch.equal(found, expected)
    larger = PictureNoise([5], SHAPE, variation=([0], 0.0, (80, 96))).first()[0]
    assert torch.equal(larger, plain(5, (4, 12, 10))[:, 2:10, 2:8])
    same = PictureNoise([5], SHAPE, variation=([0], 0.0, (48, 64))).first()[0]
    assert torch.equal(same, plain(5))


@pytest.mark.parametrize("resize", [(7, 7), (8, 8), (8, 16384), (1, 4096), (64, 0), (-8, 64)])
@pytest.mark.parametrize("strength", [0.0, 0.3])
def test_odd_sizes_do_no_harm(resize: tuple[int, int], strength: float) -> None:
    found = PictureNoise([5], SHAPE, variation=([6], strength, resize)).first()
    assert found.shape == (1, *SHAPE) and found.isfinite().all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.integers(1, 9))
def test_pasting_is_centred(h: int, w: int, height: int, width: int) -> None:
    small, large = torch.rand(1, h, w) + 1, torch.zeros(1, height, width)
    dy, dx = (height - h) // 2, (width - w) // 2
    found = pasted(small, large)
    for y in range(height):
        for x in range(width):
            inside = 0 <= y - dy < h and 0 <= x - dx < w
            assert float(found[0, y, x]) == (float(small[0, y - dy, x - dx]) if inside else 0.0)
    assert not large.any()


def test_brownian_noise_walks_the_path_downwards() -> None:
    noise = PictureNoise([5], SHAPE, sigma_range=(0.03, 14.6))
    a, b, c = torch.tensor(9.0), torch.tensor(4.0), torch.tensor(1.0)
    upper, lower = noise.brownian(a, b) * 5**0.5, noise.brownian(b, c) * 3**0.5
    assert torch.allclose(noise.brownian(a, c) * 8**0.5, upper + lower, atol=1e-4)
    assert torch.allclose(noise.brownian(b, a), -noise.brownian(a, b))
    path = BrownianPath(5, 0.03, 14.6, plain)
    assert torch.allclose(noise.brownian(a, b)[0], -path.increment(4.0, 9.0) / 5**0.5)


@pytest.mark.parametrize("source", SOURCES)
def test_brownian_noise_has_unit_variance(source: NoiseSource) -> None:
    noise = PictureNoise(range(40), SHAPE, source)
    drawn = noise.brownian(torch.tensor(2.0), torch.tensor(0.5))
    assert drawn.shape == (40, *SHAPE)
    assert float(drawn.std()) == pytest.approx(1, abs=0.05) and abs(float(drawn.mean())) < 0.05


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("seed", [0, -1, 2**63 - 1, 2**64 + 3, -(2**31)])
def test_any_seed(source: NoiseSource, seed: int) -> None:
    noise = PictureNoise([seed], SHAPE, source, variation=([-seed], 0.1, (0, 0)), ensd=-(2**31))
    drawn = [noise.first(), noise(), noise.brownian(torch.tensor(2.0), torch.tensor(0.5))]
    assert all(one.isfinite().all() for one in drawn)
