"""core.registry: found by name or alias whatever the case, refused with the nearest names."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.core.registry import Registry


@dataclass(frozen=True)
class Tea:
    name: str
    aliases: tuple[str, ...] = ()


TEAS: Registry[Tea] = Registry("tea", "drink", [Tea("Darjeeling", ("dj", "First Flush")), Tea("Assam"), Tea("Earl Grey", ("bergamot",))])


def test_order_and_names() -> None:
    assert TEAS.names() == ["Darjeeling", "Assam", "Earl Grey"] == [tea.name for tea in TEAS]


@pytest.mark.parametrize("name", ["Darjeeling", "darjeeling", " DARJEELING ", "dj", "DJ", "first flush"])
def test_found(name: str) -> None:
    assert TEAS.get(name).name == "Darjeeling"
    assert TEAS.find(name) is TEAS.get(name)


@pytest.mark.parametrize(("name", "nearest"), [("Darjiling", "Darjeeling"), ("earl gray", "Earl Grey"), ("", "Assam"), ("x" * 100_000, "Assam")])
def test_refused_with_the_nearest(name: str, nearest: str) -> None:
    assert TEAS.find(name) is None
    with pytest.raises(InvalidRequest) as caught:
        TEAS.get(name)
    assert nearest in caught.value.remedy
    assert caught.value.field == "drink"
    assert "tea" in caught.value.what and len(str(caught.value)) < 300


@given(st.text())
def test_any_text_is_found_or_refused(name: str) -> None:
    if TEAS.find(name) is None:
        with pytest.raises(InvalidRequest):
            TEAS.get(name)
