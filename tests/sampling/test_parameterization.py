from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.sampling.parameterization import Prediction, Table, c_in, downcast, linear, scaled_linear, scales, table_of, x0_from, zero_terminal_snr

TABLE = Table(scaled_linear())
HALF = Table(downcast(scaled_linear()))


def test_table_is_stable_diffusions() -> None:
    assert len(TABLE) == 1000 and TABLE.sigmas.dtype == torch.float32
    assert TABLE.sigma_min == pytest.approx(0.029168, abs=1e-6)
    assert TABLE.sigma_max == pytest.approx(14.614643, abs=1e-5)
    assert float(TABLE.sigmas[500]) == pytest.approx(1.618279, abs=1e-5)
    assert (TABLE.sigmas.diff() > 0).all()


def test_alphas_come_from_betas() -> None:
    assert float(scaled_linear(0.01, 0.04, 3)[0]) == pytest.approx(1 - 0.01)
    assert float(scaled_linear(0.01, 0.04, 3)[1]) == pytest.approx(0.99 * (1 - 0.15**2))
    assert float(linear(0.01, 0.03, 3)[2]) == pytest.approx(0.99 * 0.98 * 0.97)


@given(st.floats(0, 999))
def test_timestep_to_sigma_and_back(t: float) -> None:
    assert float(TABLE.to_t(TABLE.to_sigma(t))) == pytest.approx(t, abs=1e-3)


@given(st.floats(0.0292, 14.6146))
def test_sigma_to_timestep_and_back(sigma: float) -> None:
    assert float(TABLE.to_sigma(TABLE.to_t(sigma))) == pytest.approx(sigma, rel=2e-6)


def test_whole_timesteps_come_back_whole() -> None:
    t = torch.arange(1000.0)
    assert torch.equal(TABLE.to_t(TABLE.sigmas), t)
    assert torch.equal(TABLE.to_t(TABLE.sigmas, quantize=True), t)


def test_between_timesteps_it_is_linear_in_log_sigma() -> None:
    middle = (float(TABLE.sigmas[12]) * float(TABLE.sigmas[13])) ** 0.5
    assert float(TABLE.to_sigma(12.5)) == pytest.approx(middle, rel=1e-6)
    assert float(TABLE.to_t(middle)) == pytest.approx(12.5, abs=1e-4)


@given(st.floats(0.001, 1000))
def test_quantized_is_the_nearest(sigma: float) -> None:
    t = float(TABLE.to_t(sigma, quantize=True))
    assert t == round(t) and abs(t - float(TABLE.to_t(sigma))) <= 0.51


def test_timesteps_are_clamped_and_keep_their_shape() -> None:
    assert TABLE.to_t(torch.tensor([0.001, 0.0, 1e6, float("inf")])).tolist() == [0, 0, 999, 999]
    assert float(TABLE.to_sigma(-3)) == pytest.approx(TABLE.sigma_min)
    assert float(TABLE.to_sigma(2000)) == pytest.approx(TABLE.sigma_max)
    assert TABLE.to_t(torch.ones(2, 3)).shape == TABLE.to_sigma(torch.ones(2, 3)).shape == (2, 3)
    assert TABLE.to_t(torch.tensor(1.0)).shape == ()


def test_zero_terminal_snr() -> None:
    table = Table(zero_terminal_snr(scaled_linear()))
    assert table.sigma_max == pytest.approx(4518.76, abs=0.02)
    assert float(table.sigmas[998]) == pytest.approx(2254.24, abs=0.02)
    assert table.sigma_min == pytest.approx(TABLE.sigma_min, rel=1e-4)
    assert (table.sigmas.diff() > 0).all()


def test_downcast_rounds_the_whole_table() -> None:
    assert HALF.sigma_max == 14.609375 and HALF.sigma_min == 0.03125
    assert torch.equal(HALF.sigmas, HALF.sigmas.half().float())
    assert torch.equal(HALF.log_sigmas, HALF.log_sigmas.half().float())
    assert HALF.alphas_cumprod.dtype == torch.float32


def test_downcast_and_zero_terminal_snr_together_stay_finite() -> None:
    table = Table(zero_terminal_snr(downcast(scaled_linear())))
    assert table.sigmas.isfinite().all() and table.sigma_max > 3000
    assert table.to_t(torch.tensor([0.01, 1.0, 500.0, 1e5])).isfinite().all()


@given(st.floats(0.001, 100))
def test_levels_that_repeat_in_a_rounded_table_do_no_harm(sigma: float) -> None:
    assert (HALF.sigmas.diff() >= 0).all()
    assert 0 <= float(HALF.to_t(sigma)) <= 999


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_clean_latents_come_back_from_each_prediction(prediction: Prediction) -> None:
    generator = torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 4, 3, 3, generator=generator), torch.randn(2, 4, 3, 3, generator=generator)
    for sigma in (torch.tensor(0.05), torch.tensor(3.0), torch.tensor([0.1, 14.0]).reshape(2, 1, 1, 1)):
        a = 1 / (1 + sigma**2)
        out = {"eps": noise, "v": a.sqrt() * noise - (1 - a).sqrt() * x0, "x0": x0}[prediction]
        assert torch.allclose(x0_from(prediction, out, x0 + sigma * noise, scales(sigma)), x0, atol=2e-5)


def test_scaled_input_has_unit_variance() -> None:
    noise = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    x0 = torch.randn(100_000, generator=torch.Generator().manual_seed(1))
    sigma = torch.tensor(2.5)
    assert float(((x0 + sigma * noise) * c_in(sigma)).std()) == pytest.approx(1, abs=0.02)


def test_a_requests_table() -> None:
    assert table_of(scaled_linear()).sigma_max == TABLE.sigma_max
    assert table_of(scaled_linear(), "Zero Terminal SNR").sigma_max > 4000
    assert table_of(scaled_linear(), downcast_alphas=True).sigma_min == 0.03125
    with pytest.raises(InvalidRequest) as error:
        table_of(scaled_linear(), "Cosine?")
    assert error.value.field == "spacing.noise_schedule"


def test_moments_are_the_timesteps_of_the_levels_that_were_learnt() -> None:
    table = Table(scaled_linear())
    assert table.moments("cpu") == {}
    table.learn(torch.tensor([14.6, 3.0, 3.0, 0.1]))
    moments = table.moments("cpu")
    assert len(moments) == 3
    for sigma in (14.6, 3.0, 0.1):
        time, _ = table.at(torch.tensor(sigma))
        assert moments[time].shape == () and moments[time].dtype == torch.float32
        assert torch.equal(moments[time].expand(2), torch.full((2,), time))
