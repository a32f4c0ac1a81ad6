from __future__ import annotations

import torch

from modules.sampling.generator_noise import GeneratorNoise
from modules.sampling.noise import PictureNoise

LIKE = torch.zeros(3, 4, 5, 6)
RANGE = (0.03, 14.6)
HIGH, LOW = torch.tensor(5.0), torch.tensor(3.0)


def generators(seeds: list[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_one_generator_for_each_picture_is_picture_noise() -> None:
    noise, pictures = GeneratorNoise(LIKE, generators([1, 2, 3]), RANGE), PictureNoise([1, 2, 3], (4, 5, 6), sigma_range=RANGE)
    assert torch.equal(noise(), pictures.first()) and torch.equal(noise(), pictures())
    assert torch.equal(noise.brownian(HIGH, LOW), pictures.brownian(HIGH, LOW))


def test_one_generator_for_all() -> None:
    noise = GeneratorNoise(LIKE, generators([7])[0], RANGE)
    assert torch.equal(noise(), torch.randn(LIKE.shape, generator=generators([7])[0]))
    assert torch.equal(noise.brownian(HIGH, LOW), PictureNoise([7, 8, 9], (4, 5, 6), sigma_range=RANGE).brownian(HIGH, LOW))


def test_without_a_generator_torchs_own_serves() -> None:
    noise = GeneratorNoise(LIKE.half(), None, RANGE)
    torch.manual_seed(3)
    first, path = noise(), noise.brownian(HIGH, LOW)
    torch.manual_seed(3)
    assert torch.equal(first, torch.randn(LIKE.shape)) and first.dtype == torch.float32
    assert path.shape == LIKE.shape and not torch.equal(path[0], path[1])
    assert torch.equal(path, noise.brownian(HIGH, LOW))
