from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler, DEISMultistepScheduler, SASolverScheduler, TCDScheduler

from modules.core.groups.sampling import Spacing
from modules.core.records.samplers import SAMPLERS
from modules.sampling.own_levels import TIMESTEPS, own_levels
from modules.sampling.parameterization import Table, scaled_linear
from modules.sampling.schedules import schedule_for

TABLE = Table(scaled_linear())


def test_every_way_has_its_sampler() -> None:
    assert {record.own_levels for record in SAMPLERS} - {""} == set(TIMESTEPS)


@pytest.mark.parametrize("steps", [*range(1, 151), 600, 1000])
def test_timesteps_are_those_of_the_classes(steps: int) -> None:
    classes = {"trailing": [DDPMScheduler(timestep_spacing="trailing")], "linspace": [DEISMultistepScheduler(), SASolverScheduler()]}
    for way, schedulers in classes.items():
        for scheduler in schedulers:
            scheduler.set_timesteps(steps)
            own = TIMESTEPS[way](steps, 1000).tolist()
            assert own == scheduler.timesteps[:steps].tolist()  # "trailing" gives one too many, -1, for 61 steps and some others
            assert scheduler.timesteps[steps:].tolist() in ([], [-1]) and len(own) == steps and min(own) >= 0


@pytest.mark.parametrize("steps", [*range(1, 53), 100, 999, 1000])
def test_distilled_ones_go_on_where_the_class_gives_up(steps: int) -> None:
    scheduler = TCDScheduler()
    scheduler.set_timesteps(steps, original_inference_steps=None if steps <= 50 else 1000)
    assert TIMESTEPS["distilled"](steps, 1000).tolist() == scheduler.timesteps.tolist()


@pytest.mark.parametrize(("way", "end"), [("trailing", 0.0), ("linspace", TABLE.sigma_min), ("distilled", TABLE.sigma_min)])
def test_levels_go_down_to_the_end_of_the_class(way: str, end: float) -> None:
    for steps in (1, 7, 1000, 3000):
        levels = own_levels(way, steps, TABLE)
        assert len(levels) == steps + 1 and levels.dtype == torch.float32
        assert float(levels[0]) == TABLE.sigma_max and float(levels[-1]) == end and (levels.diff() <= 0).all()


def test_they_act_with_automatic_alone() -> None:
    for record in SAMPLERS:
        if record.own_levels:
            assert torch.equal(schedule_for(record.name, "Automatic", 6, TABLE, Spacing()), own_levels(record.own_levels, 6, TABLE))
            discarded = schedule_for(record.name, "Automatic", 5, TABLE, Spacing(discard_penultimate=True))
            assert discarded.tolist() == [*own_levels(record.own_levels, 6, TABLE)[:5].tolist(), discarded[-1]] and len(discarded) == 6
            assert torch.equal(schedule_for(record.name, "Uniform", 6, TABLE, Spacing()), schedule_for("Euler", "Uniform", 6, TABLE, Spacing()))
