from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.schedulers import AysSchedules
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modules.core.errors import InvalidRequest
from modules.core.groups.sampling import Spacing
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.sampling.parameterization import Table, scaled_linear, zero_terminal_snr
from modules.sampling.schedules import FORMULAS, OPTIMAL_LEVELS, SMALLEST, ddim_timesteps, schedule_for, sigmas, table_for

TABLE = Table(scaled_linear())
PLAIN = Spacing()
LOW, HIGH = TABLE.sigma_min, TABLE.sigma_max


def levels(schedule: str, steps: int, spacing: Spacing = PLAIN, discard: bool = False) -> list[float]:
    return sigmas(schedule, steps, TABLE, spacing, discard).tolist()


def test_every_name_has_its_formula() -> None:
    assert set(FORMULAS) == {record.name for record in SCHEDULES}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("Automatic", [14.6146, 2.9183, 0.9324, 0.0292, 0]),
        ("Uniform", [14.6146, 2.9183, 0.9324, 0.0292, 0]),
        ("Karras", [14.6146, 3.1686, 0.4469, 0.0292, 0]),
        ("Exponential", [14.6146, 1.8400, 0.2317, 0.0292, 0]),
        ("Polyexponential", [14.6146, 1.8400, 0.2317, 0.0292, 0]),
        ("SGM Uniform", [14.6146, 4.0861, 1.6156, 0.6951, 0]),
        ("KL Optimal", [14.6146, 2.1427, 0.9616, 0.4198, 0.0292]),
        ("Align Your Steps", [14.615, 2.3939, 0.7425, 0.029, 0]),
        ("Simple", [14.6146, 4.0817, 1.6129, 0.6932, 0]),
        ("Normal", [14.6146, 2.9183, 0.9324, 0.0292, 0]),
        ("DDIM", [4.1167, 1.6237, 0.6984, 0.0413, 0]),
        ("Beta", [14.6146, 10.5976, 4.0462, 0.0292, 0]),
        ("Linear", [14.6146, 3.2014, 0.9378, 0.0292, 0]),
        ("Cosine", [14.6146, 1.5971, 0.5729, 0.0292, 0]),
    ],
)
def test_four_steps_of_each(schedule: str, expected: list[float]) -> None:
    assert levels(schedule, 4) == pytest.approx(expected, abs=6e-5)


def test_karras_is_even_in_seventh_roots() -> None:
    roots = np.array(levels("Karras", 9)[:-1]) ** (1 / 7)
    assert np.diff(roots) == pytest.approx([np.diff(roots).mean()] * 8, rel=1e-4)


def test_exponential_is_even_in_logarithms() -> None:
    assert levels("Exponential", 7) == pytest.approx([*np.geomspace(HIGH, LOW, 7), 0], rel=1e-5)
    assert levels("Polyexponential", 7) == pytest.approx(levels("Exponential", 7), rel=1e-5)


def test_uniform_walks_timesteps_evenly() -> None:
    assert TABLE.to_t(torch.tensor(levels("Uniform", 10)[:-1])).tolist() == pytest.approx(np.linspace(999, 0, 10), abs=1e-3)
    assert TABLE.to_t(torch.tensor(levels("SGM Uniform", 9)[:-1])).tolist() == pytest.approx(np.linspace(999, 0, 10)[:-1], abs=1e-3)


def test_kl_optimal_ends_at_the_smallest_level() -> None:
    found = levels("KL Optimal", 6)
    assert len(found) == 7 and found[-1] == pytest.approx(LOW, abs=1e-5)
    assert np.diff(np.arctan(found)) == pytest.approx([(math.atan(LOW) - math.atan(HIGH)) / 6] * 6, abs=1e-5)


def test_align_your_steps_is_as_published() -> None:
    assert tuple(AysSchedules["StableDiffusionSigmas"][:-1]) == OPTIMAL_LEVELS["sd1"][:-1]
    assert tuple(AysSchedules["StableDiffusionXLSigmas"][:-1]) == OPTIMAL_LEVELS["sdxl"][:-1]
    assert levels("Align Your Steps", 11) == pytest.approx([*OPTIMAL_LEVELS["sd1"], 0])
    assert sigmas("Align Your Steps", 11, TABLE, PLAIN, False, "sdxl")[1] == pytest.approx(6.315)
    doubled = levels("Align Your Steps", 21)
    assert doubled[0:-1:2] == pytest.approx(OPTIMAL_LEVELS["sd1"], rel=1e-5)
    assert doubled[1] == pytest.approx((14.615 * 6.475) ** 0.5, rel=1e-5)


def test_linear_walks_the_time_of_linearly_growing_betas_evenly() -> None:
    """DDPM's own betas, which are that diffusion in a thousand steps; the continuous time of its last step is 1."""
    table = Table(torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).float())
    times = table.to_t(torch.tensor(levels("Linear", 8)[:-1])).numpy()
    assert np.diff(times) == pytest.approx([np.diff(times).mean()] * 7, rel=5e-3)
    assert times[0] == pytest.approx(729.6, abs=4)


def test_cosine_walks_the_time_of_diffusers_squared_cosine_evenly() -> None:
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    times = Table(scheduler.alphas_cumprod).to_t(torch.tensor(levels("Cosine", 8)[:-1])).numpy()
    assert np.diff(times) == pytest.approx([np.diff(times).mean()] * 7, rel=1e-2)
    assert levels("Cosine", 9)[:-1] == pytest.approx(levels("KL Optimal", 8), rel=1e-4)


def test_listed_levels_stand_for_themselves() -> None:
    spacing = Spacing(sigmas=(14.0, 3.0, 0.5), sigma_min=0.1, discard_penultimate=True)
    for record in SAMPLERS:
        assert schedule_for(record.name, "Karras", 20, TABLE, spacing).tolist() == [14.0, 3.0, 0.5, 0.0]


def test_ddim_may_give_more_steps_than_asked_for() -> None:
    assert len(levels("DDIM", 20)) == 21
    assert len(levels("DDIM", 12)) == 14
    assert levels("DDIM", 12)[-2] == pytest.approx(float(TABLE.sigmas[1]))


def test_beta_is_spaced_by_its_quantiles() -> None:
    spacing = Spacing(beta_alpha=0.4, beta_beta=0.8)
    shares = (np.array(levels("Beta", 8, spacing)[:-1]) - LOW) / (HIGH - LOW)
    assert stats.beta.cdf(shares, 0.4, 0.8) == pytest.approx(1 - np.linspace(0, 1, 8), abs=1e-4)


def test_discarding_drops_the_next_to_last_of_one_step_more() -> None:
    whole = levels("Karras", 6)
    assert levels("Karras", 5, discard=True) == pytest.approx([*whole[:5], 0])


def test_spacing_moves_the_ends() -> None:
    found = levels("Karras", 5, Spacing(sigma_min=0.5, sigma_max=9, rho=3))
    assert found[0] == pytest.approx(9, rel=1e-5) and found[-2] == pytest.approx(0.5, rel=1e-5)
    assert found[2] == pytest.approx(((9 ** (1 / 3) + 0.5 ** (1 / 3)) / 2) ** 3, rel=1e-5)
    assert levels("Simple", 5, Spacing(sigma_min=0.5)) == levels("Simple", 5)


@pytest.mark.parametrize(("spacing", "field"), [(Spacing(sigma_min=20), "spacing.sigma_min"), (Spacing(sigma_max=0.01), "spacing.sigma_max")])
def test_ends_the_wrong_way_round_are_refused(spacing: Spacing, field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        sigmas("Karras", 5, TABLE, spacing)
    assert error.value.field == field and str(error.value)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match="Karras"):
        sigmas("Karas", 5, TABLE, PLAIN)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(FORMULAS)),
    st.integers(1, 300),
    st.floats(0, 1000),
    st.floats(0, 1000),
    st.floats(0, 100),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.booleans(),
    st.booleans(),
)
def test_whatever_is_asked_for_it_goes_down_or_says_why_not(
    schedule: str, steps: int, low: float, high: float, rho: float, alpha: float, beta: float, discard: bool, terminal: bool
) -> None:
    table = Table(zero_terminal_snr(scaled_linear())) if terminal else TABLE
    spacing = Spacing(sigma_min=low, sigma_max=high, rho=rho, beta_alpha=alpha, beta_beta=beta)
    try:
        found = sigmas(schedule, steps, table, spacing, discard)
    except InvalidRequest:
        assert max(low or table.sigma_min, SMALLEST) > (high or table.sigma_max)
        return
    assert found.dtype == torch.float32 and found.isfinite().all() and len(found) >= 2
    assert found[0] > 0 and (found[:-1] > 0).all()
    assert (found.diff() <= 0).all()


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(1, [1]), (2, [1, 501]), (3, [1, 334, 667, 999]), (5, [1, 201, 401, 601, 801]), (1000, [*range(1, 1000), 999]), (3000, [*range(1, 1000), 999])],
)
def test_ddim_timesteps(steps: int, expected: list[int]) -> None:
    assert ddim_timesteps(steps).tolist() == expected


def test_lcm_knows_fifty_levels() -> None:
    table = table_for("LCM", TABLE)
    assert len(table) == 50
    assert torch.equal(table.sigmas, TABLE.sigmas[19::20])
    assert table_for("Euler", TABLE) is TABLE
    assert schedule_for("LCM", "Automatic", 4, TABLE, PLAIN)[-2] == pytest.approx(float(TABLE.sigmas[19]))


@pytest.mark.parametrize("record", list(SAMPLERS), ids=lambda record: record.name)
def test_a_samplers_habits_are_filled_in(record: object) -> None:
    name = record.name  # type: ignore[attr-defined]
    own = SAMPLERS.get(name)
    table = table_for(name, TABLE)
    if not own.own_levels:
        assert torch.equal(schedule_for(name, "Automatic", 6, TABLE, PLAIN), sigmas(own.schedule, 6, table, PLAIN, own.discard_penultimate))
    always = replace(PLAIN, discard_penultimate=True)
    assert torch.equal(schedule_for(name, "Normal", 6, TABLE, always), sigmas("Normal", 6, table, PLAIN, True))
