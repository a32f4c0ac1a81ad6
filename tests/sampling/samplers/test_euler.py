from __future__ import annotations

import pytest
import torch

from modules.sampling.step import SamplerOptions
from tests.sampling.gaussian import Gaussian, Quiet, convergence, exponential, run

X = torch.full((1, 1, 2, 2), 5.0)


def test_orders() -> None:
    assert convergence("Euler") == pytest.approx(1, abs=0.1)
    assert convergence("Euler a") == pytest.approx(1, abs=0.1)
    assert convergence("Heun") == pytest.approx(2, abs=0.1)


def test_one_euler_step() -> None:
    model = Gaussian(mean=0, std=1)
    assert run("Euler", X, torch.tensor([2.0, 1.0]), model)[0, 0, 0, 0] == pytest.approx(5 + (5 - 1) / 2 * (1 - 2))


def test_one_heun_step() -> None:
    model = Gaussian(mean=0, std=1)
    middle = 5 + 2 * (1 - 2)
    slopes = ((5 - 1) / 2 + (middle - middle / 2) / 1) / 2
    assert run("Heun", X, torch.tensor([2.0, 1.0]), model)[0, 0, 0, 0] == pytest.approx(5 + slopes * (1 - 2))


@pytest.mark.parametrize("name", ["Euler", "Heun", "Euler a"])
def test_the_last_step_ends_at_the_prediction(name: str) -> None:
    model = Gaussian(mean=0, std=1)
    assert torch.allclose(run(name, X, torch.tensor([2.0, 0.0]), model), torch.ones_like(X))


def test_draws_are_taken_in_step_with_k_diffusion() -> None:
    """Where there is churn Euler and Heun draw in every step, also outside of its limits; Euler a in every step but the last one, to 0."""
    sigmas = torch.tensor([8.0, 4.0, 2.0, 0.0])
    for name, draws in (("Euler", 3), ("Heun", 3), ("Euler a", 2)):
        noise = Quiet(X)
        run(name, X, sigmas, Gaussian(), SamplerOptions(churn=1, tmin=3), noise)
        assert noise.drawn == draws


def test_fresh_noise_is_scaled_by_eta_and_s_noise() -> None:
    sigmas = torch.tensor([2.0, 1.0])

    def added(**values: float) -> float:
        with_noise = run("Euler a", X, sigmas, Gaussian(), SamplerOptions(**values), Quiet(X, 1.0))  # type: ignore[arg-type]
        return float((with_noise - run("Euler a", X, sigmas, Gaussian(), SamplerOptions(**values), Quiet(X)))[0, 0, 0, 0])  # type: ignore[arg-type]

    assert added(eta=1.0) == pytest.approx(0.75**0.5, rel=1e-5)
    assert added(eta=0.5, noise=1.2) == pytest.approx(0.75**0.5 / 2 * 1.2, rel=1e-5)
    assert added(eta=0.0) == 0


def test_churn_moves_the_level_that_is_asked_for() -> None:
    model = Gaussian()
    run("Euler", X, exponential(10).float(), model, SamplerOptions(churn=1.0, tmin=0.9, tmax=5.0))
    asked, plain = torch.tensor(model.sigmas), exponential(10)[:-1]
    between = (plain >= 0.9) & (plain <= 5)
    assert torch.allclose(asked[between].double(), plain[between] * 1.1, rtol=1e-5)
    assert torch.allclose(asked[~between].double(), plain[~between], rtol=1e-5)
