"""Targets and weights against the papers' formulas, written down a second time."""

from __future__ import annotations

import pytest
import torch

from modules.families.family import Prediction
from modules.sampling.parameterization import Table, scaled_linear, scales, x0_from
from modules.training.objective import Objective
from modules.training.order import Draw

LATENTS = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(1))
DRAWS = [Draw(number, 100 + number, number, 6) for number in range(6)]


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_the_target_is_what_the_samplers_turn_back(prediction: Prediction) -> None:
    """A network that answers the target is a perfect denoiser for `sampling.parameterization`."""
    table = Table(scaled_linear())
    noised = Objective(prediction, table.alphas_cumprod).noised(LATENTS, DRAWS)
    for place in range(6):
        level = scales(table.sigmas[noised.timesteps[place]])
        x = noised.x[place : place + 1] / level.c_in
        torch.testing.assert_close(x0_from(prediction, noised.target[place : place + 1], x, level), LATENTS[place : place + 1], atol=2e-4, rtol=1e-3)


def test_flow_walks_a_straight_line() -> None:
    noised = Objective("flow", torch.zeros(0), shift=3.0).noised(LATENTS, DRAWS)
    s = (noised.timesteps / 1000).view(-1, 1, 1, 1)
    torch.testing.assert_close(noised.x - s * noised.target, LATENTS, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(noised.x + (1 - s) * noised.target, LATENTS + noised.target, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("prediction", "weight"), [("eps", lambda snr: min(snr, 5) / snr), ("v", lambda snr: min(snr, 5) / (snr + 1)), ("x0", lambda snr: min(snr, 5))]
)
def test_min_snr(prediction: Prediction, weight: object) -> None:
    alphas = scaled_linear()
    noised = Objective(prediction, alphas, min_snr=5.0).noised(LATENTS, DRAWS)
    expected = [weight(float(alphas[t] / (1 - alphas[t]))) for t in noised.timesteps]  # type: ignore[operator]
    assert noised.weights.tolist() == pytest.approx(expected, rel=1e-5)
    assert Objective(prediction, alphas).noised(LATENTS, DRAWS).weights.tolist() == [1.0] * 6


def test_timesteps_are_spread_over_a_step_and_come_from_the_seeds() -> None:
    objective = Objective("eps", scaled_linear())
    noised = objective.noised(LATENTS, DRAWS)
    assert [int(t) * 6 // 1000 for t in noised.timesteps] == list(range(6))
    again = objective.noised(LATENTS.flip(0), DRAWS[::-1])
    torch.testing.assert_close(again.x.flip(0), noised.x)


def test_offset_noise_moves_whole_channels() -> None:
    alphas = scaled_linear()
    plain, moved = (Objective("eps", alphas, offset=offset).noised(LATENTS, DRAWS).target for offset in (0.0, 0.5))
    apart = moved - plain
    assert apart.flatten(2).std(-1).max() < 1e-5 and apart.mean((2, 3)).std() > 0.2
