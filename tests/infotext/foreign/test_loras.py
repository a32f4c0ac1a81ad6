"""LoRAs that other tools keep beside the prompt stand in ours afterwards: by file name alone, with their strengths, and bounded."""

from __future__ import annotations

import pytest

from modules.core.limits import PROMPT_LIMIT
from modules.infotext.reading import Draft, Reading


def read(*loras: tuple[object, ...], prompt: str = "a cat", second: str = "") -> Reading:
    draft = Draft("a tool")
    draft.prompt("prompt", prompt)
    if second:
        draft.prompt("second", second, group="hires.")
    for lora in loras:
        draft.lora("lora", *lora)
    return draft.reading()


@pytest.mark.parametrize(
    ("lora", "wanted"),
    [
        (("style.safetensors", 0.8), "a cat <lora:style:0.8>"),
        (("x/y\\style.safetensors", "0.80", 1), "a cat <lora:style:1:0.8>"),
        (("style", 1, 1.0), "a cat <lora:style:1>"),
        (("<lora:a:9>", -0.5), "a cat <lora:lora a 9:-0.5>"),
    ],
)
def test_it_is_named_in_the_prompt(lora: tuple[object, ...], wanted: str) -> None:
    reading = read(lora)
    assert reading.request.prompt == wanted
    assert reading.rows[-1].state == "approximated" and "stands in the prompt" in reading.rows[-1].note


@pytest.mark.parametrize("lora", [("", 1), (None, 1), (5, 1), ("a", "much"), ("a", "nan"), ("a", 1e9), ("a", None)])
def test_what_cannot_be_named_is_said(lora: tuple[object, ...]) -> None:
    reading = read(lora)
    assert reading.request.prompt == "a cat"
    assert all(row.state == "not restored" for row in reading.rows[1:])


def test_one_that_the_prompt_names_already_is_not_named_twice() -> None:
    assert read(("style", 0.8), prompt="a <lora:style:0.5>").request.prompt == "a <lora:style:0.5>"


def test_the_second_pass_wears_it_too_where_it_has_words_of_its_own() -> None:
    assert read(("style", 0.8), second="a dog").request.hires.prompt == "a dog <lora:style:0.8>"
    assert read(("style", 0.8)).request.hires.prompt == ""


def test_hashes_are_kept_and_a_flood_is_not() -> None:
    assert read(("style", 1, None, "ABCDEF0123")).request.loras == {"style": "abcdef0123"}
    many = read(*((f"{'n' * 500}{number}", 1) for number in range(1000)))
    assert many.request.prompt.count("<lora:") == 50 and len(many.request.prompt) < PROMPT_LIMIT
