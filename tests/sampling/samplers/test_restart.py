from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from modules.core.groups.sampling import Spacing
from modules.sampling.parameterization import Table, scaled_linear
from modules.sampling.samplers.restart import walk
from modules.sampling.schedules import sigmas
from modules.sampling.step import SamplerOptions
from tests.sampling.gaussian import Gaussian, Quiet, run

TABLE = Table(scaled_linear())


def schedule(steps: int, name: str = "Karras") -> Tensor:
    return sigmas(name, steps, TABLE, Spacing())


def jumps(steps: int, name: str = "Karras") -> list[tuple[float, float]]:
    """(from, to) wherever the walk goes up."""
    way = walk(schedule(steps, name))
    return [(float(before[1]), float(after[0])) for before, after in pairwise(way) if after[0] > before[1]]


@pytest.mark.parametrize("steps", [1, 2, 12, 19])
def test_few_steps_are_heuns(steps: int) -> None:
    x = torch.full((1, 1, 2, 2), 5.0)
    noise = Quiet(x)
    assert torch.equal(run("Restart", x, schedule(steps), Gaussian(), SamplerOptions(), noise), run("Heun", x, schedule(steps), Gaussian()))
    assert noise.drawn == 0


@pytest.mark.parametrize(("steps", "repeats"), [(19, 0), (20, 1), (35, 1), (36, 2), (60, 2), (150, 2)])
@pytest.mark.parametrize("name", ["Karras", "Exponential", "Uniform"])
def test_as_many_steps_as_were_asked_for(steps: int, repeats: int, name: str) -> None:
    way = walk(schedule(steps, name))
    assert len(way) == steps and len(jumps(steps, name)) == repeats
    assert float(way[0][0]) == pytest.approx(TABLE.sigma_max, rel=1e-5) and float(way[-1][1]) == 0
    assert all(sigma > sigma_next for sigma, sigma_next in way)


@pytest.mark.parametrize("steps", [20, 36, 80, 150])
def test_the_stretch_lies_about_a_tenth_and_two(steps: int) -> None:
    for low, high in jumps(steps):
        assert 0.05 < low < 0.2 and 1.2 < high < 3.2
    way = walk(schedule(steps))
    assert all(float(before[1]) == float(after[0]) or after[0] > before[1] for before, after in pairwise(way))


def test_jumping_up_adds_what_the_variance_lacks() -> None:
    x = torch.zeros(1, 1, 2, 2)
    noise = Quiet(x, 1.0)
    model = Gaussian(mean=0.0, std=1e6)  # answers x itself, so that nothing but the noise moves it
    found = run("Restart", x, schedule(36), model, SamplerOptions(noise=1.5), noise)
    assert noise.drawn == 2
    assert float(found.mean()) == pytest.approx(sum(1.5 * (high**2 - low**2) ** 0.5 for low, high in jumps(36)), rel=1e-4)


@pytest.mark.parametrize("levels", [torch.linspace(1.5, 0.5, 31), torch.linspace(50, 3, 31), torch.full((31,), 2.0)])
def test_schedules_elsewhere_are_walked_too(levels: Tensor) -> None:
    x = torch.ones(1, 1, 2, 2)
    assert run("Restart", x, torch.cat([levels, torch.zeros(1)]), Gaussian(), SamplerOptions(), Quiet(x, 1.0)).isfinite().all()
