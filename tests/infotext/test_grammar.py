"""A1111's text taken apart: its rules as a table, its pair pattern against the plain form of the rule, and time that grows with the text only."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.infotext import grammar

LINE = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x768"

PLAIN_RULE = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""The rule as A1111 states it; it backtracks, so it is only good for short texts."""


@pytest.mark.parametrize(
    "text, prompt, negative",
    [
        ("", "", ""),
        ("cat", "cat", ""),
        (f"cat\n{LINE}", "cat", ""),
        (f"cat\nNegative prompt: dog\n{LINE}", "cat", "dog"),
        (f"one\ntwo\nNegative prompt: three\nfour, five\n{LINE}", "one\ntwo", "three\nfour, five"),
        (LINE, "", ""),
        (f"Negative prompt: dog\n{LINE}", "", "dog"),
        ("cat\nSteps: 5, Sampler: Euler", "cat\nSteps: 5, Sampler: Euler", ""),
        ("a: b, c: d, e: f", "a: b, c: d, e: f", ""),
        (f"  cat  \n\nNegative prompt:   dog \n {LINE} ", "cat\n", "dog"),
        (f"\n\ncat\n\n\ndog\n{LINE}", "cat\n\n\ndog", ""),
        (f"cat\nNegative prompt: a\nNegative prompt: b\n{LINE}", "cat", "a\nb"),
    ],
)
def test_prompts(text: str, prompt: str, negative: str) -> None:
    read = grammar.parse(text)
    assert (read["Prompt"], read["Negative prompt"]) == (prompt, negative)


@pytest.mark.parametrize(
    "more, expected",
    [
        ('Lora hashes: "a: 12, b: 34"', {"Lora hashes": "a: 12, b: 34"}),
        (r'TI hashes: "x: \"q\""', {"TI hashes": 'x: "q"'}),
        (r'Hires prompt: "a, b\nc"', {"Hires prompt": "a, b\nc"}),
        ("Hires resize: 1024x768", {"Hires resize-1": "1024", "Hires resize-2": "768"}),
        ("Empty: , After: 1", {"After": "1"}),
        ("Flag, After: 1", {"After": "1"}),
        ("ключ: 3", {"ключ": "3"}),
        ("My-key/x: v", {"My-key/x": "v"}),
        ("Twice: 1, Twice: 2", {"Twice": "2"}),
        ('Open: "half, Next: 1', {"Open": '"half', "Next": "1"}),
        ('Odd: "a" b, Next: 1', {"Odd": '"a" b', "Next": "1"}),
        ("Date: 2024-01-02T03:04:05Z", {"Date": "2024-01-02T03:04:05Z"}),
        ('Exact prompt: "12x34"', {"Exact prompt": "12x34", "Prompt": "12x34"}),
    ],
)
def test_values(more: str, expected: dict[str, str]) -> None:
    read = grammar.parse(f"cat\n{LINE}, {more}")
    assert {key: read.get(key) for key in expected} == expected
    assert "Empty" not in read and "x" not in read


def test_absent_keys_mean_defaults() -> None:
    read = grammar.parse(f"cat\n{LINE}")
    assert {key: read[key] for key in grammar.DEFAULTS} == grammar.DEFAULTS
    assert "Emphasis" not in read
    assert grammar.parse(f"cat\n{LINE}, RNG: CPU, Clip skip: 2")["RNG"] == "CPU"


@pytest.mark.parametrize("prompt, said", [("(cat:1.2)", True), ("[cat]", True), ("(cat", True), (r"\(cat\)", False), ("cat)", False), ("", False)])
def test_emphasis_is_said_where_it_acts(prompt: str, said: bool) -> None:
    assert ("Emphasis" in grammar.parse(f"{prompt}\n{LINE}")) is said
    assert ("Emphasis" in grammar.parse(f"x\nNegative prompt: {prompt}\n{LINE}")) is said


@pytest.mark.parametrize(
    "version, prompt, sampler, expected",
    [
        ("v1.5.1", "[a:b:5]", "DDIM", {"Old prompt editing timelines", "Pad conds v0", "Downcast alphas_cumprod"}),
        ("v1.5.1", "cat", "Euler", {"Downcast alphas_cumprod"}),
        ("v1.6.0-RC-8-gabc", "[a:b:5]", "Euler", {"Old prompt editing timelines", "Downcast alphas_cumprod"}),
        ("v1.6.0", "[a:b:5]", "PLMS", {"Downcast alphas_cumprod"}),
        ("v1.7.0", "cat", "Euler", {"Downcast alphas_cumprod"}),
        ("v1.7.0-225-gabcdef", "cat", "Euler", set()),
        ("v1.10.1", "[a:b:5]", "DDIM", set()),
        ("f2.0.1v1.10.1-previous-1-gabc", "[a:b:5]", "DDIM", set()),
        ("67408bb", "[a:b:5]", "DDIM", set()),
        ("Easel 0.1", "[a:b:5]", "DDIM", set()),
        ("", "[a:b:5]", "DDIM", set()),
    ],
)
def test_what_older_versions_did_unsaid(version: str, prompt: str, sampler: str, expected: set[str]) -> None:
    read = grammar.parse(f"{prompt}\nSteps: 5, Sampler: {sampler}, CFG scale: 7, Seed: 1, Size: 512x512" + (f", Version: {version}" if version else ""))
    assert {key for key in ("Old prompt editing timelines", "Pad conds v0", "Downcast alphas_cumprod") if read.get(key) is True} == expected


def test_refiner_before_1_8_switched_by_steps() -> None:
    assert grammar.parse(f"x\n{LINE}, Refiner: y, Version: v1.7.0")["Refiner switch by sampling steps"] is True
    assert grammar.parse(f"x\n{LINE}, Refiner: y, Version: v1.8.0")["Refiner switch by sampling steps"] is False


@pytest.mark.parametrize(
    "size, first, expected",
    [("1024x1024", "0x0", (512, 512)), ("512x1024", "0x0", (384, 768)), ("1024x1024", "640x640", (640, 640)), ("0x0", "0x0", ("0", "0"))],
)
def test_first_pass_size(size: str, first: str, expected: tuple[int, int]) -> None:
    """Before 1.2 Size was the final size, and a first pass of 0x0 was chosen near 512x512 in steps of 64."""
    read = grammar.parse(f"x\nSteps: 5, Seed: 1, Size: {size}, First pass size: {first}")
    assert (read["Size-1"], read["Size-2"]) == expected


def test_hypernetworks_of_old_texts_go_into_the_prompt() -> None:
    assert grammar.parse(f"cat\n{LINE}, Hypernet: h, Hypernet strength: 0.5")["Prompt"] == "cat<hypernet:h:0.5>"


@given(st.text(alphabet='ab: ,"\\-/_\t\n.é1', max_size=40))
def test_pairs_are_those_of_the_plain_rule(line: str) -> None:
    line = line.replace("\n", " ")
    assert grammar.pairs(line) == PLAIN_RULE.findall(line)


@given(st.text(max_size=60))
def test_quoting_comes_back(value: str) -> None:
    quoted = grammar.quote(value)
    assert "\n" not in quoted
    if value and (value == value.strip()):
        assert grammar.values(grammar.pairs(f"key: {quoted}")).get("key", value) == value


@pytest.mark.parametrize(
    "value, shown", [("a", "a"), ("a, b", '"a, b"'), ("a: b", '"a: b"'), ("é, ü", '"é, ü"'), ('say "hi"', 'say "hi"'), (7.0, "7.0"), (True, "True")]
)
def test_quoting_only_where_needed(value: object, shown: str) -> None:
    assert grammar.quote(value) == shown


@given(st.text())
def test_never_raises(text: str) -> None:
    grammar.parse(text)
    grammar.parse(f"{text}\n{LINE}")


@pytest.mark.parametrize("scrap", ["a", "ab:", 'ab: "', 'ab: "x', "a b", "- ", '"\\', "ab: \\,", " ", ",", "\n", "Negative prompt:\n", "(", "1x1, "])
def test_time_grows_with_the_text_only(scrap: str) -> None:
    """Twenty times the text may take a hundred times as long, not four hundred times; the floor is for clocks and busy machines."""

    def seconds(length: int) -> float:
        text = "x\n" + (scrap * length)[:length]
        started = time.perf_counter()
        for _ in range(3):
            grammar.parse(text)
        return time.perf_counter() - started

    seconds(1000)
    assert seconds(100_000) < 100 * max(seconds(5000), 0.02)
