from __future__ import annotations

import pytest
import torch

from modules.core.groups.sampling import Spacing
from modules.core.records.samplers import SAMPLERS as RECORDS
from modules.sampling.parameterization import Table, scaled_linear
from modules.sampling.rehearsal import rehearse
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import ddim_timesteps, schedule_for
from modules.sampling.step import SamplerOptions
from tests.sampling.gaussian import Gaussian, run

TABLE = Table(scaled_linear())
X = torch.full((1, 4, 3, 3), 2.0)


@pytest.mark.parametrize("name", [record.name for record in RECORDS if not record.alone])
@pytest.mark.parametrize("steps", [1, 6, 21])
def test_the_performance_goes_as_rehearsed(name: str, steps: int) -> None:
    sigmas = schedule_for(name, "Automatic", steps, TABLE, Spacing())
    own = SamplerOptions(steps=steps, timesteps=ddim_timesteps(steps), alphas_cumprod=TABLE.alphas_cumprod, sigma_range=(0.0, float(sigmas[0])))
    asks, model = rehearse(SAMPLERS[name], sigmas, own), Gaussian()
    run(name, X, sigmas, model, own)
    assert [float(ask.sigma) for ask in asks] == model.sigmas
    assert [ask.step for ask in asks] == [step.index for step in model.calls]


def test_the_first_ask_says_by_what_x_is_multiplied() -> None:
    sigmas = torch.tensor([10.0, 1.0, 0.0])
    assert float(rehearse(SAMPLERS["Euler"], sigmas, SamplerOptions())[0].x) == 1
    own = SamplerOptions(timesteps=torch.tensor([1, 500]), alphas_cumprod=TABLE.alphas_cumprod)
    assert float(rehearse(SAMPLERS["DDIM"], sigmas, own)[0].x) == pytest.approx(float(TABLE.alphas_cumprod[500] ** -0.5))
