from __future__ import annotations

import math
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.prompt.grammar import DEPTH, WEIGHT_LIMIT, Network, fragments, networks, split_and, strip_comments

ROUGH = st.text(alphabet="()[]\\:|<>#.,19 -+aANDBREKx=\n\t﷽é", max_size=60)
ANY = st.one_of(st.text(max_size=60), ROUGH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two", [("one two", 1.0)]),
        ("(cat) dog", [("cat", 1.1), (" dog", 1.0)]),
        ("[cat] dog", [("cat", 1 / 1.1), (" dog", 1.0)]),
        ("((cat))", [("cat", 1.1 * 1.1)]),
        ("(cat:1.4), dog", [("cat", 1.4), (", dog", 1.0)]),
        ("(cat :\t-2. ) dog", [("cat ", -2.0), (" dog", 1.0)]),
        ("(big (cat:2) here:0.5)", [("big ", 0.5), ("cat", 1.0), (" here", 0.5)]),
        ("(big (cat", [("big ", 1.1), ("cat", 1.1 * 1.1)]),
        ("cat) ] dog", [("cat) ] dog", 1.0)]),
        ("cat:1.3) dog", [("cat:1.3) dog", 1.0)]),
        ("[cat:1.3)", [("cat:1.3)", 1 / 1.1)]),
        ("(cat:1.2.3) dog", [("cat:1.2.3", 1.1), (" dog", 1.0)]),
        ("(cat:.) dog", [("cat:.", 1.1), (" dog", 1.0)]),
        ("(cat:one)", [("cat:one", 1.1)]),
        (r"\(cat\) \[dog\] \\ \n", [(r"(cat) [dog] \ n", 1.0)]),
        ("cat\\", [("cat", 1.0)]),
        ("(cat [dog) sky]", [("cat ", 1.1), ("dog", 1.1 / 1.1), (" sky", 1 / 1.1)]),
        ("(cat)(dog)", [("catdog", 1.1)]),
        ("()", [("", 1.0)]),
        ("cat  BREAK\ndog", [("cat", 1.0), ("BREAK", -1.0), ("dog", 1.0)]),
        ("BREAK BREAK", [("", 1.0), ("BREAK", -1.0), ("", 1.0), ("BREAK", -1.0), ("", 1.0)]),
        ("BREAKS, break", [("BREAKS, break", 1.0)]),
        ("(cat BREAK dog:2)", [("cat", 2.0), ("BREAK", -2.0), ("dog", 2.0)]),
        ("(cat:" + "9" * 400 + ")", [("cat", WEIGHT_LIMIT)]),
    ],
)
def test_fragments(text: str, expected: list[tuple[str, float]]) -> None:
    assert [(part, pytest.approx(weight)) for part, weight in expected] == fragments(text)


def test_emphasis_modes_decide_whether_brackets_are_read() -> None:
    assert fragments("(cat:2) BREAK", "None") == [("(cat:2) BREAK", 1.0)]
    assert fragments("(cat:2)", "Ignore") == fragments("(cat:2)", "compel") == fragments("(cat:2)")


@given(ANY)
def test_fragments_take_any_text(text: str) -> None:
    pieces = fragments(text)
    assert pieces
    assert all(math.isfinite(weight) and abs(weight) <= WEIGHT_LIMIT for _, weight in pieces)
    assert all(left[1] != right[1] for left, right in pairwise(pieces))


@given(st.text().filter(lambda text: not set(text) & set("()[]\\") and "BREAK" not in text))
def test_text_without_marks_stays_as_it_is(text: str) -> None:
    assert fragments(text) == [(text, 1.0)]


@given(st.text())
def test_escaped_text_is_literal(text: str) -> None:
    if "BREAK" not in text:
        escaped = "".join("\\" + letter if letter in "()[]\\" else letter for letter in text)
        assert fragments(escaped) == [(text, 1.0)]


def test_brackets_beyond_the_depth_weigh_nothing() -> None:
    (_, deep), (_, deeper) = fragments("(" * DEPTH + "x")[0], fragments("(" * 5000 + "x")[0]
    assert deep == deeper == pytest.approx(1.1**DEPTH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", [("cat", 1.0)]),
        ("cat AND dog", [("cat", 1.0), (" dog", 1.0)]),
        ("cat:2 AND dog :-.5 ", [("cat", 2.0), (" dog", -0.5)]),
        ("cat : +3. AND", [("cat", 3.0), ("", 1.0)]),
        ("sAND AND cANDy", [("sAND", 1.0), (" cANDy", 1.0)]),
        ("a:b AND c:1:2", [("a:b", 1.0), (" c:1", 2.0)]),
        ("cat :2 now", [("cat :2 now", 1.0)]),
        ("cat:" + "9" * 400, [("cat", WEIGHT_LIMIT)]),
    ],
)
def test_and(text: str, expected: list[tuple[str, float]]) -> None:
    assert split_and(text) == expected


@pytest.mark.parametrize(
    ("text", "left", "found"),
    [
        ("cat", "cat", []),
        ("a <lora:ink:0.7> b", "a  b", [Network("lora", "ink", ("0.7",))]),
        ("<lora:ink:1:0.5><hypernet:x>", "", [Network("lora", "ink", ("1", "0.5")), Network("hypernet", "x")]),
        ("<lora:ink:te=0.5:unet=1:9>", "", [Network("lora", "ink", ("9",), {"te": "0.5", "unet": "1"})]),
        ("<lora:a=b:1>", "", [Network("lora", "a=b", ("1",))]),
        ("a < b: c > d <x> <y:> <z:1", "a < b: c > d <x> <y:> <z:1", []),
        ("<a:<b:c>d", "d", [Network("a", "<b", ("c",))]),
    ],
)
def test_networks(text: str, left: str, found: list[Network]) -> None:
    assert networks(text) == (left, found)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("cat", "cat"),
        ("cat # not this", "cat \n"),
        ("cat # not this\ndog", "cat \ndog"),
        ("cat\n# not this\ndog", "cat\ndog"),
        ("# not this\ncat", "\ncat"),
        ("cat\n# one\n# two\ndog", "cat\n\ndog"),
        ("cat ## # \n", "cat \n"),
    ],
)
def test_comments(text: str, left: str) -> None:
    assert strip_comments(text) == left


@given(ANY)
def test_the_other_readers_take_any_text(text: str) -> None:
    assert "#" not in strip_comments(text)
    assert split_and(text)
    left, found = networks(text)
    assert len(left) <= len(text)
    assert bool(found) == (left != text)


@pytest.mark.parametrize("unit", ["(", "[", ")", "([", "([)]", "(a", "(a:1.2)", "(a: ", "\\", ":", "a\\(", "BREAK ", " ", "<a:", "<", "#\n", "AND :1 "])
def test_time_grows_with_length_only(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        times = []
        for _ in range(3):
            start = time.perf_counter()
            fragments(text), split_and(text), networks(text), strip_comments(text)
            times.append(time.perf_counter() - start)
        return min(times)

    # Eight times the text: quadratic time would be 64-fold.
    assert seconds(80_000) < 30 * seconds(10_000) + 0.1


def test_torch_is_not_imported() -> None:
    code = (
        "import sys, modules.prompt.grammar, modules.prompt.timeline, modules.prompt.tokens; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2]).returncode == 0
