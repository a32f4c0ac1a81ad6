"""Choices that a seed decides: the same again, spread as their weights say, never without an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extensions.wildcards.picking import PICKS, Picker, TooMuch
from extensions.wildcards.shelf import Lines, read
from tests.extensions.wildcards.test_grammar import TEXTS

FILES = {
    "animal": "cat\ndog\nowl",
    "many": "\n".join(f"n{number}" for number in range(50)),
    "heavy": "9::yes\n1::no",
    "never": "0::a\n0::b",
    "nested": "a {red|blue} __animal__",
    "self": "x __self__",
    "one": "__two__",
    "two": "__one__",
    "empty": "# nothing\n\n",
    "wide": "__never__" * 60,
    "wider": "__wide__" * 60,
    "long": "y" * 3000,
}
LINES: Mapping[str, Lines] = {name: read(text) for name, text in FILES.items()}


def picker(seed: int = 0, kind: str = "prompt", longest: int = 2000) -> Picker:
    return Picker(seed, kind, LINES.get, longest)


def expanded(text: str, seed: int = 0, kind: str = "prompt") -> str:
    return picker(seed, kind).expand(text)


def spread(text: str, seeds: int = 300) -> Counter[str]:
    return Counter(expanded(text, seed) for seed in range(seeds))


def test_a_seed_always_chooses_the_same_and_this_is_what_it_chooses() -> None:
    """Pictures are drawn again by it: these values may never change."""
    template = "__animal__ {a|b|c} {2$$x|y|z} __heavy__ __nested__"
    assert [expanded(template, seed) for seed in (0, 1, 2**63 - 1)] == [
        "cat a z, y yes a red dog",
        "owl a z, y no a blue cat",
        "cat c y, z yes a red owl",
    ]


def test_all_are_chosen_and_about_as_often() -> None:
    found = spread("__animal__")
    assert set(found) == {"cat", "dog", "owl"} and min(found.values()) > 70
    assert set(spread("{a|b|}")) == {"a", "b", ""}


@pytest.mark.parametrize("text", ["__heavy__", "{9::yes|1::no}", "{0.9::yes|.1::no}"])
def test_weights(text: str) -> None:
    found = spread(text)
    assert found["yes"] > 5 * found["no"] > 0


def test_what_weighs_nothing_is_never_chosen_unless_all_weigh_nothing() -> None:
    assert set(spread("{0::a|b|0::c}")) == {"b"}
    assert set(spread("__never__")) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("{2$$a|b|c}", {2}),
        ("{1-2$$a|b|c}", {1, 2}),
        ("{-2$$a|b|c}", {0, 1, 2}),
        ("{2-$$a|b|c}", {2, 3}),
        ("{9$$a|b|c}", {3}),
        ("{3-2$$a|b|c}", {3}),
        ("{0$$a|b}", {0}),
    ],
)
def test_several_are_different_ones(text: str, sizes: set[int]) -> None:
    found = [one.split(", ") if one else [] for one in spread(text)]
    assert {len(one) for one in found} == sizes
    assert all(len(set(one)) == len(one) for one in found)


def test_what_stands_between_several() -> None:
    assert set(spread("{2$$ and $$a|b}")) == {"a and b", "b and a"}
    assert set(spread("{2$$$$a|b}")) == {"ab", "ba"}


def test_a_wildcard_alone_among_braces_gives_different_lines() -> None:
    found = [set(one.split(", ")) for one in spread("{2$$__animal__}")]
    assert all(len(one) == 2 and one <= {"cat", "dog", "owl"} for one in found)


def test_lines_may_hold_templates() -> None:
    assert set(spread("__nested__")) == {f"a {colour} {animal}" for colour in ("red", "blue") for animal in ("cat", "dog", "owl")}


def test_texts_of_one_kind_choose_alike_and_those_of_others_do_not() -> None:
    assert all(expanded("__many__", seed) == expanded("__many__", seed) for seed in range(20))
    assert any(expanded("__many__", seed) != expanded("__many__", seed, "negative") for seed in range(3))


def test_what_was_chosen_is_told_in_order() -> None:
    one = picker(3)
    text = one.expand("__nested__, {a|b}, __nobody__")
    assert [source for source, _ in one.picks] == ["__nested__", "{a|b}"]
    assert text == f"{one.picks[0][1]}, {one.picks[1][1]}, __nobody__"
    assert list(one.unknown) == ["nobody"]


@pytest.mark.parametrize("name", ["nobody", "empty", "../secret", "/etc/passwd"])
def test_what_nobody_knows_stays_as_it_stands(name: str) -> None:
    one = picker()
    assert one.expand(f"a __{name}__ b") == f"a __{name}__ b" and list(one.unknown) == [name]


def test_files_that_lead_back_to_themselves_end() -> None:
    one = picker()
    assert one.expand("__self__") == "x __self__" and list(one.circles) == ["self"]
    assert expanded("__one__") == "__one__"


@pytest.mark.parametrize(("text", "said"), [("__wider__", f"{PICKS} choices"), ("__long__", "2000 characters")])
def test_what_grows_without_measure_is_refused(text: str, said: str) -> None:
    with pytest.raises(TooMuch, match=said):
        expanded(text)


@settings(deadline=None)
@given(TEXTS, st.integers(0, 2**63 - 1))
def test_any_text_ends_and_does_so_the_same_again(text: str, seed: int) -> None:
    text += " __animal__ __self__ {a|__nested__}"
    try:
        first = expanded(text, seed)
    except TooMuch:
        return
    assert len(first) <= 2000 and first == expanded(text, seed)


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="{}_\\"), max_size=200))
def test_a_text_without_templates_is_left_alone(text: str) -> None:
    one = picker()
    assert one.expand(text) == text and not one.picks
