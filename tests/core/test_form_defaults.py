"""Start values of forms: kept by form, read again, and a file that holds something else is never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.core.errors import OutputTrouble
from modules.core.form_defaults import FormDefaults


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ui-config.json"


def test_no_file_is_no_trouble_and_none_is_made(path: Path) -> None:
    assert (FormDefaults(path).of("txt2img"), FormDefaults(path).notes, path.exists()) == ({}, [], False)


def test_values_come_back_by_form(path: Path) -> None:
    kept = FormDefaults(path)
    kept.change("txt2img", {"steps": 30, "prompt": "\u00e4 ${x} ???", "tiling": True})
    kept.change("img2img", {"init.strength": 0.5})
    again = FormDefaults(path)
    assert again.of("txt2img") == {"steps": 30, "prompt": "\u00e4 ${x} ???", "tiling": True} and again.of("img2img") == {"init.strength": 0.5}
    again.change("txt2img", {})
    assert FormDefaults(path).of("txt2img") == {} and FormDefaults(path).of("img2img")


@pytest.mark.parametrize("content", [b"[]", b'{"txt2img": 3}', b"{", b"\xff", b"[" * 5000, b'{"txt2img/Sampling steps/value": 20}'])
def test_a_file_of_something_else_is_kept_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    kept = FormDefaults(path)
    (aside,) = path.parent.glob("ui-config.json.broken-*")
    assert (kept.of("txt2img"), aside.read_bytes()) == ({}, content) and aside.name in kept.notes[0]


def test_a_place_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = FormDefaults(tmp_path / "file" / "ui-config.json")
    with pytest.raises(OutputTrouble):
        kept.change("txt2img", {"steps": 30})
    assert kept.of("txt2img") == {}
