"""What lies beside a model may suggest values, but only ones that the request would take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.catalog import advice


def of(tmp_path: Path, table: Any) -> advice.Advice:
    (tmp_path / "x.easel.json").write_text(table if isinstance(table, str) else json.dumps(table))
    return advice.of(tmp_path / "x.safetensors")


def test_nothing_beside_it_is_no_advice(tmp_path: Path) -> None:
    assert advice.of(tmp_path / "x.safetensors") == advice.Advice()


def test_a_folder_keeps_it_inside(tmp_path: Path) -> None:
    (tmp_path / "easel.json").write_text('{"example": "a pear"}')
    assert advice.of(tmp_path).example == "a pear"


def test_good_values_are_taken(tmp_path: Path) -> None:
    table = {"defaults": {"width": 640, "cfg_scale": 4, "sampler": "Euler a", "text.clip_skip": 2}, "example": "a\n pear", "note": "Draws pears."}
    found = of(tmp_path, table)
    assert found.defaults == {"width": 640, "cfg_scale": 4.0, "sampler": "Euler a", "text.clip_skip": 2}
    assert (found.example, found.note) == ("a pear", "Draws pears.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 100_000),
        ("steps", "many"),
        ("width", -8),
        ("cfg_scale", [1]),
        ("sampler", "Wonder"),
        ("sampler", None),
        ("schedule", "Never"),
        ("text.clip_skip", 99),
        ("variation", {"seed": 1}),
        ("no_such_thing", 1),
        ("prompt", "something else"),
        ("model", "another"),
        ("count", 1000),
        ("", 1),
    ],
)
def test_wrong_values_are_left_out_and_said(tmp_path: Path, name: str, value: Any) -> None:
    found = of(tmp_path, {"defaults": {name: value, "height": 256}, "note": "Fine."})
    assert found.defaults == {"height": 256}
    assert found.note.startswith("Fine. x.easel.json was left out in part") and name in found.note


@pytest.mark.parametrize("table", ["", "[1]", "{", "null", "[" * 50_000, '{"defaults": 3}', '{"preview": [[1, 2]]}', " " * 300_000])
def test_a_damaged_file_is_said_in_the_note(tmp_path: Path, table: str) -> None:
    found = of(tmp_path, table)
    assert found.defaults == {} and found.preview == () and "x.easel.json" in found.note


def test_preview_rows(tmp_path: Path) -> None:
    rows = [[0.1, 0.2, 0.3]] * 4 + [[1, 1, 1]]
    assert of(tmp_path, {"preview": rows}).preview == (*[(0.1, 0.2, 0.3)] * 4, (1.0, 1.0, 1.0))
    for wrong in (rows[:4], [[1, 2]] * 5, [["a", 1, 2]] * 5, [[float("inf"), 0, 0]] * 5, {"a": 1}):
        assert of(tmp_path, json.dumps({"preview": wrong})).preview == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["width", "defaults", "text.clip_skip", "sampler", "x"]), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(table=st.dictionaries(st.sampled_from(["defaults", "example", "note", "preview"]), JSON))
def test_nothing_in_it_raises(tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]) -> None:
    found = of(tmp_path_factory.getbasetemp(), table)
    assert isinstance(found.note, str) and isinstance(found.example, str)
