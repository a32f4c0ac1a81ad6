"""core.request: what changes pixels, its limits, and the request of one picture out of many."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.core.groups.passes import Hires
from modules.core.groups.sampling import Variation
from modules.core.levels import HIGHEST, LOWEST, Levels
from modules.core.limits import PROMPT_LIMIT, SEED_LIMIT
from modules.core.params import Field, from_dict, is_optional, literal_names, named, rows_of, to_dict, walk, with_values
from modules.core.request import RECORD_LIMIT, GenerationRequest, single, templates

FIELDS = walk(GenerationRequest)
LIMITED = [field for field in FIELDS if field.param.minimum is not None]


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """What a field may hold, by its declaration alone."""
    low, high = field.param.minimum, field.param.maximum
    if names := literal_names(field.type) or field.param.names():
        return st.sampled_from(names)
    if field.type is bool:
        return st.booleans()
    if field.type is int:
        return st.integers(int(low or 0), int(high or 0))
    if field.type is float or is_optional(field.type):
        numbers = st.floats(low, high)
        return st.none() | numbers if is_optional(field.type) else numbers
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=min(field.param.max_length or 40, 40))
    if field.type == Levels:
        return st.sets(st.floats(LOWEST, HIGHEST), max_size=4).map(lambda found: tuple(sorted(found, reverse=True)))
    if row := rows_of(field.type):
        inner = st.fixed_dictionaries({}, optional={one.name: values_of(one) for one in walk(row)})
        return st.lists(inner, max_size=2)
    if typing.get_origin(field.type) is tuple:
        return st.lists(texts, max_size=2).map(tuple)
    if field.type is str:
        return texts
    return st.dictionaries(texts, st.dictionaries(texts, texts, max_size=2) if field.name == "extensions" else texts, max_size=2)


REQUESTS = st.fixed_dictionaries({}, optional={field.name: values_of(field) for field in FIELDS}).map(lambda values: with_values(GenerationRequest(), values))


@given(REQUESTS)
def test_any_request_goes_through_json_unchanged(request_: GenerationRequest) -> None:
    assert from_dict(GenerationRequest, json.loads(json.dumps(to_dict(request_)))) == request_


@pytest.mark.parametrize("field", LIMITED, ids=lambda field: field.name)
def test_limits_are_inclusive_and_kept(field: Field) -> None:
    low, high = field.param.minimum, field.param.maximum
    assert low is not None and high is not None and low < high
    whole = field.type is int
    for value in (low, high):
        with_values(GenerationRequest(), {field.name: int(value) if whole else value})
    for value in (low - 1, int(high) + 1 if whole else high + 1):
        with pytest.raises(InvalidRequest) as caught:
            with_values(GenerationRequest(), {field.name: value})
        assert caught.value.field == field.name and caught.value.remedy


def test_every_field_is_declared_for_a_person_and_a_command_line() -> None:
    assert all(field.param.label for field in FIELDS)
    flags = [field.flag for field in FIELDS]
    assert len(set(flags)) == len(flags)
    assert {"negative", "seed", "steps", "width", "height", "sampler", "schedule", "cfg", "model", "count", "batch"} <= set(flags)
    keys = [field.param.text for field in FIELDS if field.param.text]
    assert len(set(keys)) == len(keys), "an infotext key has one meaning"
    assert all(field.default in ("", *field.param.names()) for field in FIELDS if field.param.choices)


def test_unlimited_texts_do_not_exist() -> None:
    assert [field.name for field in FIELDS if field.type is str and not field.param.max_length and not literal_names(field.type)] == []
    with_values(GenerationRequest(), {"prompt": "x" * PROMPT_LIMIT})
    with pytest.raises(InvalidRequest, match="prompt"):
        with_values(GenerationRequest(), {"prompt": "x" * (PROMPT_LIMIT + 1)})


def test_the_defaults_are_a_request() -> None:
    request = GenerationRequest()
    assert from_dict(GenerationRequest, {}) == from_dict(GenerationRequest, to_dict(request)) == request
    assert (request.seed, request.pictures) == (-1, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.steps = 5  # type: ignore[misc]


@pytest.mark.parametrize("group", sorted({field.path[0] for field in FIELDS if len(field.path) > 1}))
def test_a_misspelt_key_never_passes_in_silence(group: str) -> None:
    for data, name in (({"stepz": 3}, "stepz"), ({group: {"nope": 1}}, f"{group}.nope")):
        with pytest.raises(InvalidRequest) as caught:
            from_dict(GenerationRequest, data)
        assert caught.value.field == name


class TestSingle:
    REQUEST = GenerationRequest(prompt="a fox", seed=100, count=3, batch_size=2, variation=Variation(seed=500))

    def test_seeds_count_up(self) -> None:
        assert [single(self.REQUEST, index).seed for index in range(self.REQUEST.pictures)] == [100, 101, 102, 103, 104, 105]

    def test_with_a_variation_the_variation_seed_counts_instead(self) -> None:
        request = with_values(self.REQUEST, {"variation.strength": 0.3})
        made = [single(request, index) for index in range(3)]
        assert [(one.seed, one.variation.seed) for one in made] == [(100, 500), (100, 501), (100, 502)]
        assert all(one.variation.strength == 0.3 for one in made)

    def test_it_is_one_picture_and_its_own_single(self) -> None:
        for strength in (0.0, 0.5):
            one = single(with_values(self.REQUEST, {"variation.strength": strength}), 4)
            assert (one.pictures, one.prompt) == (1, "a fox")
            assert single(one, 0) == one

    @given(REQUESTS, st.integers(0, 999))
    def test_the_single_of_any_request_is_a_request_again(self, request_: GenerationRequest, index: int) -> None:
        """A saved picture holds it, and must be readable."""
        seeds = {"seed": abs(request_.seed), "variation.seed": abs(request_.variation.seed)}
        one = single(with_values(request_, seeds), index)
        assert from_dict(GenerationRequest, to_dict(one)) == one

    def test_the_largest_seed_still_gives_readable_pictures(self) -> None:
        one = single(GenerationRequest(seed=SEED_LIMIT, variation=Variation(seed=SEED_LIMIT), count=2), 1)
        assert from_dict(GenerationRequest, to_dict(one)) == one


def test_named_is_by_the_names_of_the_json() -> None:
    assert named(GenerationRequest, "variation.seed").param.text == "Variation seed"
    assert named(GenerationRequest, "cfg_scale").flag == "cfg"


class TestRecordsOfExtensions:
    def test_they_are_bounded(self) -> None:
        with_values(GenerationRequest(), {"extensions": {"one": {"text": "x" * (RECORD_LIMIT - 100)}}})
        with pytest.raises(InvalidRequest) as caught:
            with_values(GenerationRequest(), {"extensions": {"one": {"text": "x" * RECORD_LIMIT}}})
        assert caught.value.field == "extensions"

    @pytest.mark.parametrize(
        "record", [{"one": 1}, {"one": {"a": object()}}, {"one": {1: "a"}}, [], "text"], ids=["a number", "an object", "a numbered key", "a list", "a text"]
    )
    def test_they_are_json_by_the_extensions_name(self, record: object) -> None:
        with pytest.raises(InvalidRequest):
            with_values(GenerationRequest(), {"extensions": record})

    def test_the_template_is_what_stood_there_before_the_first_of_them(self) -> None:
        was: list[dict[str, Any]] = [{"prompt": "__a__", "hires.prompt": "{b|c}", "steps": 3}, {"prompt": "a cat", "negative_prompt": "{d|e}"}]
        request = GenerationRequest(prompt="a red cat", hires=Hires(prompt="c"), extensions={"one": {"was": was[0]}, "two": {"was": was[1], "more": 1}})
        assert templates(request) == {"prompt": "__a__", "hires.prompt": "{b|c}", "negative_prompt": "{d|e}"}

    @pytest.mark.parametrize(
        "was", [None, 3, "prompt", [], {"prompt": 3}, {"model": "/etc/passwd"}, {"prompt": "x" * (PROMPT_LIMIT + 1)}], ids=lambda was: repr(was)[:30]
    )
    def test_a_record_of_anyones_making_is_passed_over(self, was: Any) -> None:
        assert templates(GenerationRequest(extensions={"one": {"was": was}})) == {}
