"""A picture drawn larger later, from the first pass that is kept: every bit as in a whole run, and not drawn twice."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from modules.core.request import GenerationRequest
from modules.core.result import Picture, Progress
from modules.engine.first_passes import FirstPasses
from modules.engine.generate import Engine
from modules.engine.plan import Stage, plan
from modules.families.sd1 import StableDiffusion1
from tests.engine.refining import drawn, engine_of_two, noted

LARGER: dict[str, Any] = {"hires__enabled": True, "hires__scale": 1.5, "hires__strength": 0.6, "hires__steps": 2}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return engine_of_two(tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize(
    ("values", "later"),
    [
        ({}, {"hires__upscaler": "Latent"}),
        ({"sampler": "DPM++ 2M SDE", "variation__strength": 0.3, "variation__seed": 4}, {"hires__upscaler": "Lanczos", "hires__prompt": "a dog"}),
        ({"sampler": "DDIM", "tiling": True}, {"hires__upscaler": "Latent (nearest-exact)", "hires__sampler": "Euler a"}),
        ({"refiner__checkpoint": "other", "refiner__switch_at": 0.5}, {"hires__upscaler": "Nearest", "refiner__passes": "first pass"}),
        ({"refiner__checkpoint": "other", "refiner__switch_at": 0.5}, {"hires__upscaler": "None", "refiner__passes": "both passes"}),
        ({}, {"hires__upscaler": "Latent", "refiner__checkpoint": "other"}),
        ({}, {"hires__upscaler": "2x-small", "enlarging__tile": 32}),
    ],
)
def test_the_second_pass_goes_on_from_the_kept_first(two: Engine, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], later: dict[str, Any]) -> None:
    two.first_passes = FirstPasses()
    (whole,) = drawn(two, **{**values, **LARGER, **later}).pictures
    two.first_passes = FirstPasses()
    drawn(two, count=2, **values)
    with noted(monkeypatch) as calls:
        (larger,) = drawn(two, **{**values, **LARGER, **later}).pictures
    assert larger.data == whole.data
    assert len(calls) == 2


@pytest.mark.parametrize("other", [{"seed": 7}, {"prompt": "a dog"}, {"model": "other"}, {"steps": 5}, {"batched": True, "batch_size": 2}])
def test_anything_else_is_drawn_again(two: Engine, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]) -> None:
    two.first_passes = FirstPasses()
    drawn(two, **other)
    with noted(monkeypatch) as calls:
        drawn(two, **LARGER)
    assert len(calls) == 6


def test_a_refined_pass_is_not_taken_for_an_unrefined_one(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    two.first_passes = FirstPasses()
    drawn(two, refiner__checkpoint="other", refiner__switch_at=0.5)
    with noted(monkeypatch) as calls:
        drawn(two, refiner__checkpoint="other", refiner__switch_at=0.5, **LARGER)
    assert len(calls) == 6


def test_a_plain_picture_is_always_drawn(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(two)
    with noted(monkeypatch) as calls:
        drawn(two)
    assert len(calls) == 4


def test_the_oldest_go_first_and_progress_counts_what_is_left(two: Engine) -> None:
    stage, larger = plan(GenerationRequest(hires=GenerationRequest().hires), StableDiffusion1.record)[0], GenerationRequest()
    stages = (stage, Stage("hires", stage.latent, larger, first_pass=larger))
    kept = FirstPasses(limit=2 * 4 * 4)
    requests = [[GenerationRequest(seed=seed)] for seed in range(3)]
    for number, one in enumerate(requests):
        kept.keep(stage, one, torch.full((1, 1, 2, 2), float(number)), refined=False)
    found = [kept.find(stages, one) for one in requests]
    assert found[0] is None and [one and float(one.latents[0, 0, 0, 0]) for one in found[1:]] == [1.0, 2.0]
    kept.keep(stage, [GenerationRequest(seed=9)], torch.full((1, 1, 2, 2), float("nan")), refined=False)
    kept.keep(stage, [GenerationRequest(seed=9)], torch.zeros(1, 1, 200, 200), refined=False)
    assert kept.find(stages, [GenerationRequest(seed=9)]) is None and kept.find(stages, requests[2])
    drawn(two)
    seen: list[Progress | Picture] = []
    drawn(two, seen.append, **LARGER)
    assert {event.steps for event in seen if isinstance(event, Progress) and event.phase == "sampling"} == {2}
