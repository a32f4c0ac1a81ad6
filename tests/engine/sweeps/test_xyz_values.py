"""What is typed for an axis, as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.engine.sweeps.xyz_values import MOST, Kind, join, read, split


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("5", [5]),
        (" 5 , 7,,-1", [5, 7, -1]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1 - 10 (+3)", [1, 4, 7, 10]),
        ("5-1 (-1)", [5, 4, 3]),
        ("1-10 [4]", [1, 4, 7, 10]),
        ("1-10 [3], 20", [1, 5, 10, 20]),
        ("-3--1", [-3, -2, -1]),
        ("-3 - +1 (+2)", [-3, -1, 1]),
        ("5-1", []),
        ("9223372036854775804-9223372036854775806", [9223372036854775804, 9223372036854775805, 9223372036854775806]),
    ],
)
def test_whole_numbers(text: str, values: list[int]) -> None:
    assert read(split(text), "int") == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("5.0, 9", [5.0, 9.0]),
        ("1-2 (+.3)", [1.0, 1.3, 1.6, 1.9, 2.2]),
        ("1-3", [1.0, 2.0, 3.0]),
        ("3-1 (-1)", [3.0, 2.0, 1.0]),
        ("0.5-1.5 [3]", [0.5, 1.0, 1.5]),
        ("1e-3", [0.001]),
    ],
)
def test_numbers(text: str, values: list[float]) -> None:
    assert read(split(text), "float") == pytest.approx(values)


def test_texts_are_csv() -> None:
    assert read(split('cat, "a dog, old" ,,"say ""hi"""'), "text") == ["cat", "a dog, old", "", 'say "hi"']


def test_orders_are_permutations() -> None:
    assert read(split("a,b,c"), "order")[:3] == [("a", "b", "c"), ("a", "c", "b"), ("b", "a", "c")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x", "int"), ("1.5", "int"), ("1-5 (2)", "int"), ("1-5 (+0)", "int"), ("1-5 [x]", "float"), ("1-2 (+0.0)", "float"), ("1-99999999999", "int"),
        ("0-1 (+0.0000001)", "float"), ("1-2 [99999999]", "int"), ("a,b,c,d,e,f,g", "order"), ("9" * 5000, "int"), ("1-" + "9" * 400, "float"),
        ("0-1 [" + "9" * 5000 + "]", "int"), ("1," * (MOST + 1), "float"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_values_is_refused_with_a_remedy(text: str, kind: Kind) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(split(text), kind)
    assert caught.value.remedy


@given(st.text('0123456789-+.()[] ,e"', max_size=30), st.sampled_from(["int", "float", "text", "order"]))
def test_any_text_is_values_or_refused(text: str, kind: Kind) -> None:
    try:
        assert len(read(split(text), kind)) <= MOST + 1000
    except InvalidRequest as error:
        assert error.remedy


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1), min_size=1))
def test_joined_values_are_split_again(values: list[str]) -> None:
    assert split(join(values)) == values
