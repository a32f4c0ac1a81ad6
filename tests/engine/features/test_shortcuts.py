"""Shortcuts in whole pictures: each acts, leaves the model as it was, and gives the same picture alone, in a batch, and after any other."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from modules.core.errors import Unsupported
from modules.core.groups.shortcuts import Shortcuts
from modules.core.options import DeviceOptions, Placement
from modules.core.params import to_dict
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.features.shortcuts import Reuse, TokenMerging, of_stage
from modules.engine.generate import Engine
from modules.engine.plan import plan
from modules.engine.supports import check_supported
from tests.engine.conftest import Draw, pixels

ALL: list[dict[str, Any]] = [
    {"shortcuts": {"merging": 0.5}},
    {"shortcuts": {"deep_steps": 2}},
    {"guidance": {"interval_high": 3.0}},
    {"guidance": {"interval_low": 3.0}},
    {"shortcuts": {"merging": 0.3, "deep_steps": 3}, "sampler": "Heun"},
    {"shortcuts": {"deep_steps": 2}, "guidance": {"min_sigma": 15.0}, "prompt": "a cat AND a dog", "negative_prompt": "mud " * 90},
]


@pytest.mark.parametrize("values", ALL, ids=lambda values: " ".join(values))
def test_each_acts_and_only_while_it_is_asked_for(draw: Draw, values: dict[str, Any]) -> None:
    plain = {name: value for name, value in values.items() if name not in ("shortcuts", "guidance")} | {"steps": 5}
    before = draw(**plain).pictures[0]
    batch = draw(**{**plain, **values}, count=2).pictures
    assert not np.array_equal(pixels(batch[0]), pixels(before))
    (alone,) = draw(**to_dict(batch[1].request)).pictures
    assert alone.data == batch[1].data
    assert draw(**plain).pictures[0].data == before.data


def test_inner_layers_compute_once_in_so_many_calls(draw: Draw, engine: Engine) -> None:
    unet = engine.models.load(engine.shelf.checkpoint("tiny"), "fp32").model.parts["unet"]
    calls: list[int] = []
    handles = [unet.mid_block.register_forward_hook(lambda *_: calls.append(1)), unet.conv_out.register_forward_hook(lambda *_: calls.append(0))]
    try:
        draw(steps=7, sampler="Euler", shortcuts={"deep_steps": 3}, count=2)
    finally:
        for handle in handles:
            handle.remove()
    assert calls == ([1, 0, 0, 0] * 2 + [1, 0]) * 2


def test_a_second_pass_begins_whole_and_has_the_first_ones_ratio(draw: Draw, engine: Engine) -> None:
    hires = {"enabled": True, "scale": 1.5, "steps": 2}
    merged = [
        draw(hires=hires, shortcuts=shortcuts).pictures[0] for shortcuts in ({"merging": 0.5}, {"merging": 0.5, "merging_hires": 0.5}, {"merging_hires": 0.5})
    ]
    assert merged[0].data != merged[2].data and np.array_equal(pixels(merged[0]), pixels(merged[1]))
    request = GenerationRequest(hires=type(GenerationRequest().hires)(enabled=True), shortcuts=Shortcuts(merging=0.2, merging_hires=0.4))
    assert [of_stage(stage) for stage in plan(request, FAMILIES.get("sd1"))] == [(TokenMerging(0.2),), (TokenMerging(0.4),)]
    again = {"hires": hires, "shortcuts": {"deep_steps": 2}}
    (first,) = draw(**again).pictures
    draw(seed=8, shortcuts={"deep_steps": 2})
    assert draw(**again).pictures[0].data == first.data


@pytest.mark.parametrize(("family", "values"), [("flux", Shortcuts(deep_steps=2)), ("sd3", Shortcuts(deep_steps=2)), ("sd1", Shortcuts(first_block=0.1))])
def test_a_family_without_the_layers_refuses(family: str, values: Shortcuts) -> None:
    with pytest.raises(Unsupported, match="does not act"):
        check_supported(GenerationRequest(shortcuts=values), FAMILIES.get(family), family)
    check_supported(GenerationRequest(shortcuts=Shortcuts(merging=0.5)), FAMILIES.get("flux"), "flux")


def test_two_of_the_same_ratio_are_equal_and_a_reuse_is_its_own() -> None:
    assert TokenMerging(0.5) == TokenMerging(0.5) != TokenMerging(0.4)
    assert Reuse(2)._memory is not Reuse(2)._memory


@pytest.mark.parametrize("placement", ["medvram", "group", "lowvram"])
def test_what_is_used_again_does_not_hang_on_where_weights_wait(draw: Draw, engine: Engine, placement: Placement) -> None:
    values = {"steps": 5, "shortcuts": {"deep_steps": 2, "merging": 0.5}}
    expected = draw(**values).pictures[0]
    elsewhere = dataclasses.replace(engine, options=DeviceOptions(device="cpu", placement=placement))
    (picture,) = elsewhere.run(expected.request, lambda event: None, lambda: Cancel.NONE, False).pictures
    assert np.array_equal(pixels(picture), pixels(expected))
    elsewhere.unload()
