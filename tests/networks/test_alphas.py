"""The noise table follows the scheduler config, to the last bit where the original's does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler

from modules.core.errors import BadModelFile
from modules.networks.alphas import alphas_cumprod


def test_the_standard_table() -> None:
    table = alphas_cumprod({})
    assert table.dtype == torch.float32 and table.shape == (1000,)
    sigmas = ((1 - table.double()) / table.double()).sqrt()
    assert float(sigmas[0]) == pytest.approx(0.029168, abs=1e-5) and float(sigmas[-1]) == pytest.approx(14.614643, abs=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
        {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02},
        {"beta_schedule": "squaredcos_cap_v2"},
        {"trained_betas": [0.001 + 0.00001 * step for step in range(1000)]},
    ],
)
def test_it_agrees_with_diffusers(config: dict[str, Any]) -> None:
    torch.testing.assert_close(alphas_cumprod(config), DDIMScheduler(**config).alphas_cumprod, rtol=2e-4, atol=1e-7)


def test_zero_terminal_snr() -> None:
    table = alphas_cumprod({"rescale_betas_zero_snr": True})
    assert float(table[-1]) < 1e-7 and float(table[0]) == pytest.approx(float(alphas_cumprod({})[0]), rel=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        {"num_train_timesteps": 4000},
        {"beta_schedule": "sigmoid"},
        {"beta_start": "low"},
        {"beta_start": float("nan")},
        {"beta_start": -1.0},
        {"beta_start": 0.5, "beta_end": 3.0},
        {"trained_betas": [0.1, 0.2]},
        {"trained_betas": "none"},
        {"beta_end": [1]},
    ],
)
def test_what_is_no_table_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(BadModelFile):
        alphas_cumprod(config)
