"""What families lack, by their records: names that exist, requests that are refused by them, and what is left of a request without them."""

from __future__ import annotations

import pytest

from modules.core.errors import Unsupported
from modules.core.params import with_values
from modules.core.records.families import FAMILIES, FamilyRecord
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest
from modules.engine.supports import check_supported, fields_of, fitted

RECORDS = [pytest.param(record, id=record.name) for record in FAMILIES]


@pytest.mark.parametrize("record", RECORDS)
def test_records_name_what_there_is(record: FamilyRecord) -> None:
    for said in (record.lacks, record.idle):
        assert all(list(fields_of(name)) for name in said) and all(said.values())
    lacked = {field.name for name in record.lacks for field in fields_of(name)}
    assert not lacked & {field.name for name in record.idle for field in fields_of(name)}, "refused, or carried along: not both"
    assert set(record.samplers) <= set(SAMPLERS.names()) and set(record.schedules) <= set(SCHEDULES.names())


@pytest.mark.parametrize("record", RECORDS)
def test_a_familys_own_defaults_are_supported(record: FamilyRecord) -> None:
    check_supported(with_values(GenerationRequest(), record.defaults), record, "a model")
    check_supported(GenerationRequest(sampler=str(record.defaults["sampler"])), record, "a model")


def test_what_a_dead_widget_holds_is_left_out() -> None:
    flux = FAMILIES.get("flux")
    left = with_values(GenerationRequest(), {"prompt": "a pear", "negative_prompt": "blue", "cfg_scale": 9.0, "tiling": True})
    with pytest.raises(Unsupported) as refused:
        check_supported(left, flux, "my-flux")
    assert refused.value.field in flux.lacks and "my-flux" in refused.value.what and refused.value.remedy
    request = fitted(left, flux)
    check_supported(request, flux, "my-flux")
    assert (request.prompt, request.negative_prompt, request.cfg_scale, request.tiling) == ("a pear", "", 1.0, False)
    assert fitted(left, FAMILIES.get("sd1")) == left


def test_samplers_of_the_record_only() -> None:
    with pytest.raises(Unsupported, match="Euler, Euler a") as refused:
        check_supported(GenerationRequest(sampler="DDIM"), FAMILIES.get("sd3"), "a model")
    assert refused.value.field == "sampler"


def test_a_variant_is_advised_as_suits_it() -> None:
    flux = FAMILIES.get("flux")
    assert flux.advice("schnell")["steps"] == 4 and flux.advice("fill")["guidance.distilled"] == 30.0 and flux.advice("dev") == flux.defaults
    for record in FAMILIES:
        assert set(record.suits) <= set(record.variants)
        for variant in record.suits:
            check_supported(with_values(GenerationRequest(), record.advice(variant)), record, "a model")


@pytest.mark.parametrize("family", ["sd2", "sdxl", "sdxl-refiner", "flux", "sd3"])
def test_what_does_nothing_is_carried_along(family: str) -> None:
    """Pictures from elsewhere say "Clip skip: 2" where it never acted."""
    record = FAMILIES.get(family)
    request = with_values(GenerationRequest(), {**record.defaults, "text.clip_skip": 2})
    assert "text.clip_skip" in record.idle
    check_supported(request, record, "a model")
    assert fitted(request, record).text.clip_skip == 2


def test_crops_and_scores_act_on_sdxl_alone() -> None:
    idle = {record.name for record in FAMILIES if "framing.top" in record.idle and "framing.high" in record.idle}
    assert idle == set(FAMILIES.names()) - {"sdxl", "sdxl-refiner"}
