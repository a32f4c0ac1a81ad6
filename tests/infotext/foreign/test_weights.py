"""Prompts of other tools in A1111's grammar: tables of what means what, and scans that end on any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.infotext.foreign import weights


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("a cat", "a cat"),
        ("a cat+", "a (cat:1.1)"),
        ("a cat++, dog", "a (cat:1.21), dog"),
        ("a cat--", "a (cat:0.81)"),
        ("a (big cat)1.3 b", "a (big cat:1.3) b"),
        ("a (big cat)- b", "a (big cat:0.9) b"),
        ("((big)+ cat)1.2", "(big:1.32) (cat:1.2)"),
        ('a "big cat"+', "a (big cat:1.1)"),
        ("a (cat) b", "a cat b"),
        ("a (cat:1.2) b", "a cat:1.2 b"),
        ("well-known 1+1", "well-known 1+1"),
        (r"a \(cat\)", r"a \(cat\)"),
        ("un) balanced (a b", r"un\) balanced \(a b"),
        ("a [cat]", r"a \[cat\]"),
        ('("a cat", "a dog+").and()', "a cat BREAK a (dog:1.1)"),
        ('("a", "b").blend(1, 3)', "a :0.2500 AND b :0.7500"),
        ("a cat.swap(dog) here", "a dog here"),
        ("(a cat).swap(dog)", "dog"),
        ("this AND that BREAK", "this and that break"),
    ],
)
def test_compel(theirs: str, ours: str) -> None:
    assert weights.compel(theirs)[0] == ours


@pytest.mark.parametrize("text", ['("a", "b").and()', '("a", "b").blend(1, 1)', "a.swap(b)"])
def test_what_is_only_near_is_said(text: str) -> None:
    assert weights.compel(text)[1]


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("cat", "cat"),
        ("{cat}", "(cat:1.05)"),
        ("{{cat}}, dog", "(cat:1.1025), dog"),
        ("[cat]", "(cat:0.9524)"),
        ("{[cat]}", "cat"),
        ("{a, {b}}", "(a,:1.05) (b:1.1025)"),
        ("{cat", "(cat:1.05)"),
        ("cat} dog", "cat} dog"),
        ("cat (animal)", r"cat \(animal\)"),
        (r"cat \(animal\)", r"cat \(animal\)"),
        ("1.5::cat::, dog", "(cat:1.5), dog"),
        ("-1::hat:: cat", "(hat:-1) cat"),
        ("0.5::{cat}::", "(cat:0.525)"),
        ("5:30 a::b", "5:30 a::b"),
        ("a AND b", "a and b"),
    ],
)
def test_novelai(theirs: str, ours: str) -> None:
    assert weights.novelai(theirs) == ours


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("(cat:1.2) (dog)", "(cat:1.2) (dog)"),
        ("[cat]", r"\[cat\]"),
        (r"\(cat\) \[dog\]", r"\(cat\) \[dog\]"),
        ("embedding:sub/bad.pt, (embedding:good:1.2)", "bad, (good:1.2)"),
        ("cat AND dog", "cat and dog"),
    ],
)
def test_comfyui(theirs: str, ours: str) -> None:
    assert weights.comfy(theirs) == ours


@given(st.text(alphabet='a1 +-.,:()[]{}"\\|AND', max_size=200))
def test_any_text_is_converted(text: str) -> None:
    weights.compel(text)
    weights.novelai(text)
    weights.comfy(text)


@given(st.text(max_size=100))
def test_literal_text_has_no_open_bracket_left(text: str) -> None:
    """What is escaped once stays so: a second pass changes nothing."""
    assert weights.literal(weights.literal(text)) == weights.literal(text)
