"""Which sampler and schedule act in each pass of a request."""

from __future__ import annotations

import dataclasses

import pytest

from modules.core.groups.editing import Init
from modules.core.groups.passes import Hires
from modules.core.request import GenerationRequest
from modules.infotext.runs import runs, second_pass
from tests.infotext.conftest import REFERENCE


@pytest.mark.parametrize(
    "sampler, schedule, hires, expected",
    [
        ("Euler", "Automatic", Hires(), [("Euler", "Automatic")]),
        ("k_euler_a", "sgm_uniform", Hires(), [("Euler a", "SGM Uniform")]),
        ("Euler", "Automatic", Hires(sampler="DPM++ 2M"), [("Euler", "Automatic")]),
        ("Euler", "Automatic", Hires(enabled=True), [("Euler", "Automatic")] * 2),
        ("DPM++ 2M", "Automatic", Hires(enabled=True, sampler="Euler"), [("DPM++ 2M", "Karras"), ("Euler", "Automatic")]),
        ("Euler", "Karras", Hires(enabled=True, sampler="k_euler_a"), [("Euler", "Karras"), ("Euler a", "Karras")]),
        ("Euler", "Beta", Hires(enabled=True, sampler="DPM++ 2M Karras"), [("Euler", "Beta"), ("DPM++ 2M", "Karras")]),
        ("Euler", "Beta", Hires(enabled=True, sampler="DPM++ 2M Karras", schedule="Simple"), [("Euler", "Beta"), ("DPM++ 2M", "Simple")]),
        ("Warp", "Drive", Hires(enabled=True, sampler="Warp 2"), [("Warp", "Drive"), ("Warp 2", "Drive")]),
    ],
)
def test_runs(sampler: str, schedule: str, hires: Hires, expected: list[tuple[str, str]]) -> None:
    request = GenerationRequest(sampler=sampler, schedule=schedule, hires=hires)
    assert [(run.sampler, run.schedule) for run in runs(request)] == expected
    started = dataclasses.replace(request, init=Init(image=REFERENCE))
    assert len(runs(started)) == 1 and not second_pass(started)
