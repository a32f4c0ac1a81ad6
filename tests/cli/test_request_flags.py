"""Every field of a request is a flag, derived and not listed; what is given reaches the request or is refused with the field's name."""

from __future__ import annotations

import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.cli.generate import wishes
from modules.cli.parser import BadWords, Parser
from modules.cli.request_flags import add_request, value_of_text, values_of
from modules.core.control import ControlUnit
from modules.core.errors import InvalidRequest
from modules.core.levels import Levels
from modules.core.params import Field, literal_names, named, rows_of, value_of, walk, with_values
from modules.core.request import GenerationRequest

FIELDS = walk(GenerationRequest)


def parser() -> Parser:
    made = Parser("generate", "")
    made.add_argument("words", nargs="?")
    add_request(made)
    return made


def request(*words: str) -> GenerationRequest:
    return with_values(GenerationRequest(), values_of(parser().read(words)))


def another(field: Field) -> tuple[list[str], Any]:
    """Words that give the field a value that is not its default, and that value."""
    if field.type is bool:
        return [f"--{'no-' if field.default else ''}{field.flag}"], not field.default
    if field.name == "extensions":
        return [f"--{field.flag}", 'one={"a": [1]}'], {"one": {"a": [1]}}
    if typing.get_origin(field.type) is dict:
        return [f"--{field.flag}", "name=0123456789"], {"name": "0123456789"}
    if names := field.param.names() or literal_names(field.type):
        name = next(name for name in names if name != field.default)
        return [f"--{field.flag}", name], name
    if field.type is str:
        text = "a text, with: signs"[: field.param.max_length]
        return [f"--{field.flag}", text], text
    if field.type == Levels:
        return [f"--{field.flag}", "14.6, 2 0.5"], (14.6, 2.0, 0.5)
    if rows_of(field.type):
        return [f"--{field.flag}", '{"model": "x", "weight": 0.5}'], (ControlUnit(model="x", weight=0.5),)
    if typing.get_origin(field.type) is tuple:
        return [f"--{field.flag}", "one", f"--{field.flag}", "two, three"], ("one", "two, three")
    low, high = field.param.minimum, field.param.maximum
    assert low is not None and high is not None
    value = low if low not in (field.default, -1) else min(high, low + 8 if field.type is int else low + 0.25)
    value = int(value) if field.type is int else float(value)
    return [f"--{field.flag}", str(value)], value


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_field_is_a_flag(field: Field) -> None:
    words, value = another(field)
    assert value != field.default
    assert value_of(request(*words), field) == value


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_is_in_the_help_with_its_label(field: Field) -> None:
    text = " ".join(parser().format_help().split())
    assert f"--{field.flag}" in text
    assert field.param.label in text


def test_no_two_fields_share_a_flag() -> None:
    assert len({field.flag for field in FIELDS}) == len(FIELDS)


def test_a1111_s_longer_names_go_too() -> None:
    made = request("--negative-prompt", "blur", "--cfg-scale", "3", "--batch-size", "2")
    assert (made.negative_prompt, made.cfg_scale, made.batch_size) == ("blur", 3.0, 2)


def test_an_empty_optional_is_none() -> None:
    assert request("--solver-eta", "none").solver.eta is None
    assert request("--solver-eta", "0.5").solver.eta == 0.5


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--steps", "abc"], "steps"),
        (["--steps", "0"], "steps"),
        (["--steps", "1001"], "steps"),
        (["--steps", "1e400"], "steps"),
        (["--width", "-512"], "width"),
        (["--cfg", "nan"], "cfg_scale"),
        (["--cfg", "inf"], "cfg_scale"),
        (["--seed", "99999999999999999999"], "seed"),
        (["--text-emphasis", "loud"], "text.emphasis"),
        (["--prompt", "x" * 20_001], "prompt"),
        (["--precision", "fp64"], "precision"),
        (["--spacing-sigmas", "1, 2"], "spacing.sigmas"),
    ],
)
def test_wrong_values_are_refused_by_name(words: list[str], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request(*words)
    assert caught.value.field.startswith(field)
    assert len(str(caught.value)) < 400


@given(st.text(max_size=60))
def test_any_text_is_a_prompt_as_it_stands(text: str) -> None:
    assert request(f"--prompt={text}").prompt == text


def test_the_prompt_is_a_word_or_a_flag_but_not_both() -> None:
    assert wishes(parser().read(["a cat", "--steps", "3"])) == {"prompt": "a cat", "steps": "3"}
    assert wishes(parser().read(["--prompt", "a cat"])) == {"prompt": "a cat"}
    assert wishes(parser().read([""])) == {"prompt": ""}
    for words in (["a", "--prompt", "b"], []):
        with pytest.raises(BadWords, match="prompt"):
            wishes(parser().read(words))


@pytest.mark.parametrize(("given_name", "meant"), [("full", "fp32"), ("half", "fp16"), ("autocast", "auto"), ("bf16", "bf16")])
def test_a1111_s_words_for_precision(given_name: str, meant: str) -> None:
    assert wishes(parser().read(["x", "--precision", given_name]))["precision"] == meant


def test_set_takes_the_same_texts() -> None:
    assert value_of_text(named(GenerationRequest, "solver.eta"), "none") is None
    assert value_of_text(named(GenerationRequest, "spacing.sigmas"), "3, 1") == "3, 1"
    assert value_of_text(named(GenerationRequest, "embeddings"), "cat=0123456789") == {"cat": "0123456789"}
    with pytest.raises(BadWords, match="NAME=VALUE"):
        value_of_text(named(GenerationRequest, "embeddings"), "cat")


@pytest.mark.parametrize("text", ["one=3", "one=", "one={", "one"])
def test_what_an_extension_recorded_is_given_as_json(text: str) -> None:
    with pytest.raises(BadWords, match="JSON|NAME=VALUE"):
        request("--extensions", text)
