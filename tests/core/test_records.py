"""core.records: samplers, schedule types and families as data; A1111's names and habits, and nothing ambiguous among them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.core.params import named, with_values
from modules.core.records.families import FAMILIES
from modules.core.records.samplers import SAMPLERS, resolved_schedule, split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.core.registry import Registry
from modules.core.request import GenerationRequest
from tests.conftest import PROJECT


@pytest.mark.parametrize("registry", [SAMPLERS, SCHEDULES, FAMILIES], ids=lambda registry: registry.what)
def test_no_name_or_alias_means_two_things(registry: Registry[Any]) -> None:
    for record in registry:
        for word in (record.name, *record.aliases):
            assert registry.get(word) is record
            assert registry.get(word.upper()) is record
    named(GenerationRequest, registry.field)


def test_the_samplers_and_schedule_types_of_a_menu() -> None:
    assert SAMPLERS.names()[:3] == ["DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE"]
    assert len(SAMPLERS.names()) == 25 and len(SCHEDULES.names()) == 14
    assert SCHEDULES.names()[0] == "Automatic"


def test_those_of_diffusers_cannot_be_taken_for_a1111s() -> None:
    theirs = [record for record in SAMPLERS if record.diffusers]
    assert [record.name for record in theirs] == SAMPLERS.names()[20:]
    for record in theirs:
        assert record.name.endswith(" (diffusers)") and not record.timesteps and not record.second_order
        assert not SAMPLERS.find(record.name.removesuffix(" (diffusers)")), "other programs mean their own by such a name"
    assert not any(record.own_levels for record in SAMPLERS if not record.diffusers)


def test_schedules_are_found_by_the_keys_of_the_api() -> None:
    for record in SCHEDULES:
        assert SCHEDULES.get(record.key) is record, record.key
        assert record.key == record.key.lower() and " " not in record.key


def test_what_samplers_say_of_schedules_exists() -> None:
    for record in SAMPLERS:
        assert SCHEDULES.get(record.schedule).name == record.schedule
        assert not (record.timesteps and record.schedule != "Automatic"), "a schedule type does not act on timesteps"
        assert not (record.brownian and not record.eta)


@pytest.mark.parametrize(
    ("sampler", "schedule", "acts"),
    [
        ("DPM++ 2M", "Automatic", "Karras"),
        ("DPM++ 2S a", "Automatic", "Karras"),
        ("Restart", "Automatic", "Karras"),
        ("DPM++ 2M SDE", "Automatic", "Exponential"),
        ("DPM++ 3M SDE", "Automatic", "Exponential"),
        ("Euler", "Automatic", "Automatic"),
        ("DDIM", "Automatic", "Automatic"),
        ("DPM++ 2M", "Uniform", "Uniform"),
        ("k_dpmpp_sde", "Automatic", "Karras"),
    ],
)
def test_what_automatic_means(sampler: str, schedule: str, acts: str) -> None:
    assert resolved_schedule(sampler, schedule) == acts


@pytest.mark.parametrize(
    ("flag", "names"),
    [
        ("second_order", {"DPM++ SDE", "DPM++ 2S a", "Heun", "DPM2", "DPM2 a", "Restart"}),
        ("brownian", {"DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"}),
        ("discard_penultimate", {"DPM2", "DPM2 a", "DPM++ 3M SDE"}),
        ("timesteps", {"DDIM", "DDIM CFG++", "PLMS", "UniPC"}),
    ],
)
def test_habits(flag: str, names: set[str]) -> None:
    assert {record.name for record in SAMPLERS if getattr(record, flag)} == names


@pytest.mark.parametrize(
    ("written", "sampler", "schedule"),
    [
        ("Euler a", "Euler a", ""),
        ("  euler A ", "Euler a", ""),
        ("k_euler_a", "Euler a", ""),
        ("DPM++ 2M Karras", "DPM++ 2M", "Karras"),
        ("dpm++ 2m karras", "DPM++ 2M", "Karras"),
        ("DPM++ 2M SDE Heun Exponential", "DPM++ 2M SDE Heun", "Exponential"),
        ("DPM++ 2M SDE Heun", "DPM++ 2M SDE Heun", ""),
        ("DPM++ 2M SGM Uniform", "DPM++ 2M", "SGM Uniform"),
        ("DPM++ 2M sgm_uniform", "DPM++ 2M", "SGM Uniform"),
        ("Euler Uniform", "Euler", "Uniform"),
        ("Euler DDIM", "Euler", "DDIM"),
        ("DDIM", "DDIM", ""),
        ("Heun Align Your Steps", "Heun", "Align Your Steps"),
    ],
)
def test_old_names_are_split(written: str, sampler: str, schedule: str) -> None:
    assert split_sampler(written) == (sampler, schedule)


@pytest.mark.parametrize("written", ["", "Karras", "Eular", "Euler Karas", "DPM++ 2M Karras Karras", "x" * 50_000])
def test_what_is_no_sampler_is_refused(written: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        split_sampler(written)
    assert caught.value.field == "sampler" and caught.value.remedy


@given(st.sampled_from(SAMPLERS.names()), st.sampled_from(SCHEDULES.names()))
def test_every_pair_is_split_into_itself(sampler: str, schedule: str) -> None:
    assert split_sampler(f"{sampler} {schedule}") == (sampler, schedule)


@given(st.text(max_size=60))
def test_any_text_is_a_sampler_or_an_error_of_ours(text: str) -> None:
    try:
        sampler, schedule = split_sampler(text)
    except InvalidRequest:
        return
    assert sampler in SAMPLERS.names() and schedule in ("", *SCHEDULES.names())


def test_what_a_family_advises_is_a_request() -> None:
    for record in FAMILIES:
        request = with_values(GenerationRequest(), record.defaults)
        assert request.width % record.multiple == request.height % record.multiple == 0
        assert SAMPLERS.get(request.sampler) and SCHEDULES.get(request.schedule)
        assert record.native % record.multiple == 0
        assert len(record.preview) in (0, record.latent_channels, record.latent_channels + 1)
        assert list(record.memory.values()) == sorted(record.memory.values())


def test_records_are_there_without_torch() -> None:
    code = "import sys, modules.core.records.families, modules.core.request; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, timeout=120).returncode == 0
