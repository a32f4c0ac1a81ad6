"""Names of samplers and schedule types from all over."""

from __future__ import annotations

import pytest

from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.infotext.foreign import samplers
from modules.infotext.reading import Draft


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Euler a", ("Euler a", "", True)),
        ("euler_ancestral", ("Euler a", "", True)),
        ("k_euler_ancestral", ("Euler a", "", True)),
        ("sample_dpmpp_2m", ("DPM++ 2M", "", True)),
        ("dpmpp_2m_sde_gpu", ("DPM++ 2M SDE", "", True)),
        ("dpmpp_2m_karras", ("DPM++ 2M", "Karras", True)),
        ("DPM++ 2M SDE Karras", ("DPM++ 2M SDE", "Karras", True)),
        ("dpm++2s_a", ("DPM++ 2S a", "", True)),
        ("k_dpm_2_a", ("DPM2 a", "", True)),
        ("kdpm_2", ("DPM2", "", True)),
        ("DPM++ 2M AYS", ("DPM++ 2M", "Align Your Steps", True)),
        ("Euler A Trailing", ("Euler a", "SGM Uniform", False)),
        ("uni_pc_bh2", ("UniPC", "", False)),
        ("ddpm", ("DDPM (diffusers)", "", False)),
        ("warp", ("", "", False)),
        ("", ("", "", False)),
        ("karras", ("", "", False)),
    ],
)
def test_names(name: str, expected: tuple[str, str, bool]) -> None:
    assert samplers.sampler(name) == expected


@pytest.mark.parametrize(
    "name, expected",
    [
        ("karras", ("Karras", True)),
        ("sgm_uniform", ("SGM Uniform", True)),
        ("ddim_uniform", ("DDIM", True)),
        ("native", ("Uniform", False)),
        ("warp", ("", False)),
    ],
)
def test_schedules(name: str, expected: tuple[str, bool]) -> None:
    assert samplers.schedule(name) == expected


def test_the_tables_name_only_what_there_is() -> None:
    assert {*samplers.SAME.values(), *samplers.NEAR.values()} <= set(SAMPLERS.names())
    assert {name for name, _ in samplers.SPACED.values()} <= set(SCHEDULES.names())
    assert not set(samplers.SAME) & set(samplers.NEAR)
    assert all(samplers.plain(name) == name for name in (*samplers.SAME, *samplers.NEAR, *samplers.SPACED))


def test_every_sampler_of_ours_is_known_under_its_own_name() -> None:
    for record in SAMPLERS:
        assert samplers.sampler(record.name)[0] == record.name


@pytest.mark.parametrize(
    "name, unsaid, expected",
    [("Euler", "Uniform", "Automatic"), ("DPM++ 2M", "Uniform", "Uniform"), ("DPM++ 2M", "Automatic", "Automatic"), (None, "Normal", "Normal")],
)
def test_a_schedule_that_is_not_named(name: str | None, unsaid: str, expected: str) -> None:
    draft = Draft("x")
    samplers.take(draft, "sampler", name, unsaid=unsaid)
    assert draft.values["schedule"] == expected


def test_values_of_the_wrong_kind_are_left() -> None:
    draft = Draft("x")
    samplers.take(draft, "sampler", 5, "scheduler", ["karras"])
    assert [row.state for row in draft.rows] == ["not restored"]
