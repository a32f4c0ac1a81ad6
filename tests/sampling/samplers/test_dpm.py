from __future__ import annotations

import pytest
import torch

from modules.sampling.step import SamplerOptions
from tests.sampling.gaussian import Gaussian, Quiet, convergence, run

X = torch.full((1, 1, 2, 2), 5.0)
SIGMAS = torch.tensor([8.0, 4.0, 2.0, 0.0])


@pytest.mark.parametrize("name", ["DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ SDE"])
def test_order_two_without_fresh_noise(name: str) -> None:
    assert convergence(name) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["DPM2", "DPM++ 2S a", "DPM++ SDE"])
def test_halfway_in_log_sigma(name: str) -> None:
    model = Gaussian()
    run(name, X, SIGMAS, model)
    assert model.sigmas == pytest.approx([8, 32**0.5, 4, 8**0.5, 2], rel=1e-5)


def test_constant_predictions_are_followed_exactly() -> None:
    """A model that always answers the same: every exponential integrator goes straight to it."""
    model = Gaussian(mean=1.5, std=0.0)
    expected = 1.5 + (X - 1.5) * 2 / 8
    for name in ("DPM++ 2S a", "DPM++ SDE", "DPM2"):
        assert torch.allclose(run(name, X, SIGMAS[:-1], model), expected, rtol=1e-5)


def test_draws_are_taken_in_step_with_k_diffusion() -> None:
    for name, draws in (("DPM2", 3), ("DPM2 a", 2), ("DPM++ 2S a", 2), ("DPM++ SDE", 0)):
        noise = Quiet(X)
        run(name, X, SIGMAS, Gaussian(), SamplerOptions(churn=1, tmin=3), noise)
        assert noise.drawn == draws


def test_the_sde_asks_its_path_from_each_start() -> None:
    noise = Quiet(X)
    run("DPM++ SDE", X, SIGMAS, Gaussian(), SamplerOptions(), noise)
    expected = [(8, 32**0.5), (8, 4), (4, 8**0.5), (4, 2)]
    assert [pair[0] for pair in noise.asked] == pytest.approx([a for a, _ in expected], rel=1e-5)
    assert [pair[1] for pair in noise.asked] == pytest.approx([b for _, b in expected], rel=1e-5)


@pytest.mark.parametrize("name", ["DPM2 a", "DPM++ 2S a", "DPM++ SDE"])
def test_fresh_noise_has_the_ancestral_strength(name: str) -> None:
    """With a model that answers nought, x is scaled to the ancestral level; and what is added brings its variance up to the next."""
    model, sigmas = Gaussian(mean=0.0, std=0.0), torch.tensor([2.0, 1.0])
    down = run(name, torch.full_like(X, 2.0), sigmas, model, SamplerOptions(), Quiet(X))
    up = run(name, torch.zeros_like(X), sigmas, model, SamplerOptions(), Quiet(X, 1.0))
    if name == "DPM++ SDE":
        assert float(up[0, 0, 0, 0]) == pytest.approx(0.75**0.5, rel=1e-5)
        assert float(down[0, 0, 0, 0]) == pytest.approx(0.5, rel=1e-5)
    else:
        assert torch.allclose(down**2 + up**2, torch.ones_like(X), rtol=1e-5)
