from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core import levels
from modules.core.errors import InvalidRequest
from modules.core.params import from_dict, to_dict, with_values
from modules.core.request import GenerationRequest


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("14.6, 5.5, 0.3", (14.6, 5.5, 0.3)),
        ("[14.6 5.5; 0.3]", (14.6, 5.5, 0.3)),
        ("(3, 1e-1, 0.0)", (3.0, 0.1)),
        ("3", (3.0,)),
        ("", ()),
        (" , ", ()),
        ([14, 3.5, 0], (14.0, 3.5)),
        ((), ()),
    ],
)
def test_what_is_read(given: Any, meant: levels.Levels) -> None:
    assert with_values(GenerationRequest(), {"spacing.sigmas": given}).spacing.sigmas == meant


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("1, 2", "level 2 (2) is not below"),
        ("3, 3", "level 2 (3) is not below"),
        ("3, 0, 0", "Level 2"),
        ("3, -1", "Level 2 of the list of sigmas is -1"),
        ("1e5, 1", "Level 1"),
        ("0", "no level above 0"),
        ("a, b", "'a'"),
        ("3, nan", "finite"),
        (list(range(1001, 0, -1)), "1001 levels; at most 1000"),
        (" ".join(map(str, range(1500, 0, -1))), "more than 1000"),
        ([3, "x"], "number"),
        ([3, [1]], "number"),
        (5, "sigmas"),
        ({"a": 1}, "sigmas"),
    ],
)
def test_what_cannot_be_a_way_down_is_refused_and_says_where(given: Any, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_dict(GenerationRequest, {"spacing": {"sigmas": given}})
    assert said in str(caught.value) and caught.value.field.startswith("spacing.sigmas") and len(str(caught.value)) < 300


def test_a_thousand_are_walked() -> None:
    assert len(with_values(GenerationRequest(), {"spacing.sigmas": [*range(1000, 0, -1), 0]}).spacing.sigmas) == 1000


@given(st.sets(st.floats(levels.LOWEST, levels.HIGHEST), max_size=20))
def test_text_and_json_give_the_same_numbers_back(found: set[float]) -> None:
    request = with_values(GenerationRequest(), {"spacing.sigmas": sorted(found, reverse=True)})
    assert with_values(GenerationRequest(), {"spacing.sigmas": levels.written(request.spacing.sigmas)}) == request
    assert from_dict(GenerationRequest, to_dict(request)) == request


@given(st.text(max_size=40))
def test_any_text_is_levels_or_an_error_of_ours(text: str) -> None:
    try:
        found = with_values(GenerationRequest(), {"spacing.sigmas": text}).spacing.sigmas
    except InvalidRequest:
        return
    assert list(found) == sorted(set(found), reverse=True)
