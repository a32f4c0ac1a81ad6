"""core.settings: typed, checked, saved atomically, and never lost; a user's text is never taken for OmegaConf's language."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest, OutputTrouble
from modules.core.params import walk
from modules.core.settings import Settings, SettingsStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


def test_no_file_means_the_defaults_and_makes_none(path: Path) -> None:
    store = SettingsStore(path)
    assert store.value == Settings()
    assert store.notes == []
    assert not path.exists()


def test_only_what_differs_is_saved_and_read_again(path: Path) -> None:
    store = SettingsStore(path)
    store.change("theme", "dark")
    store.change("live_preview_interval", 2)
    store.change("samples_save", False)
    store.change("samples_save", True)
    assert yaml.safe_load(path.read_text()) == {"theme": "dark", "live_preview_interval": 2.0}
    assert SettingsStore(path).value == store.value == Settings(theme="dark", live_preview_interval=2.0)
    assert store.reset() == SettingsStore(path).value == Settings()


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=50) | st.sampled_from(["${oc.env:HOME}", "???", "null"]), max_size=5))
def test_lists_of_texts_come_back_as_they_were(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "settings.yaml")
        assert SettingsStore(path).change("hidden_tabs", texts).hidden_tabs == tuple(texts)
        again = SettingsStore(path)
        assert again.value.hidden_tabs == tuple(texts)
        assert again.notes == []


def test_values_are_typed(path: Path) -> None:
    store = SettingsStore(path)
    assert store.change_all({"autolaunch": "yes", "live_preview_size": "128", "live_preview_interval": 3}).autolaunch is True
    assert store.value.live_preview_size == 128
    assert isinstance(store.value.live_preview_interval, float)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theme", "blue"),
        ("theme", True),
        ("theme", "${autolaunch}"),
        ("theme", "???"),
        ("live_preview_size", "${live_preview_interval}"),
        ("live_preview_size", "???"),
        ("live_preview_size", 0),
        ("live_preview_size", 10**30),
        ("live_preview_size", 128.5),
        ("live_preview_interval", float("nan")),
        ("live_preview_interval", -1),
        ("live_preview_interval", None),
        ("autolaunch", "perhaps"),
        ("sd_model_checkpoint", 3),
        ("sd_model_checkpoint", ["a"]),
        ("hidden_tabs", "Queue"),
        ("hidden_tabs", [1]),
        ("hidden_tabs", ["x" * 1001]),
        ("hidden_tabs", ["x"] * 201),
        ("hidden_tabs", ["\ud800"]),
        ("sd_model_checkpoint", "x" * 401),
        ("sd_model_checkpoint", "\ud800"),
        ("no_such", 1),
        ("__class__", "x"),
        ("", ""),
    ],
)
def test_what_is_not_usable_is_refused_and_nothing_changes(path: Path, name: str, value: object) -> None:
    store = SettingsStore(path)
    with pytest.raises(InvalidRequest) as caught:
        store.change_all({"theme": "light", name: value})
    assert caught.value.field == name
    assert store.value == Settings()
    assert not path.exists()


ODD = ["${oc.env:HOME}", "${", "\\${theme}", "???", "null", "yes", "1e3", "[1", "a: b", "\x85", "\ufeff", "---", "", " "]


@settings(deadline=None)
@given(text=st.text(max_size=400) | st.sampled_from(ODD))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "settings.yaml")
        assert SettingsStore(path).change("sd_model_checkpoint", text).sd_model_checkpoint == text
        again = SettingsStore(path)
        assert again.value.sd_model_checkpoint == text
        assert again.notes == []


@pytest.mark.parametrize(
    "content",
    [b"theme: [dark", b"\xff\xfe\x00broken", b"- a\n- list\n", b"just a text", b"a: &a [*a]", b"[" * 5000, b"theme: !!python/object:os.system x", b"\0"],
)
def test_a_file_that_cannot_be_read_is_kept_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    store = SettingsStore(path)
    assert store.value == Settings()
    (aside,) = path.parent.glob("settings.yaml.broken-*")
    assert aside.read_bytes() == content
    (note,) = store.notes
    assert aside.name in note
    assert store.change("theme", "dark") == SettingsStore(path).value


def test_what_is_usable_of_a_file_stays(path: Path) -> None:
    content = "theme: dark\nlive_preview_size: huge\nof_a_later_version: 1\nsamples_save: false\n"
    path.write_text(content)
    store = SettingsStore(path)
    assert store.value == Settings(theme="dark", samples_save=False) == SettingsStore(path).value
    (aside,) = path.parent.glob("settings.yaml.broken-*")
    assert aside.read_text() == content
    assert "live_preview_size" in store.notes[0]
    assert "of_a_later_version" in store.notes[0]


def test_an_empty_file_is_no_trouble(path: Path) -> None:
    path.write_text("# nothing chosen\n")
    store = SettingsStore(path)
    assert store.value == Settings()
    assert store.notes == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SettingsStore(tmp_path / "file" / "settings.yaml")
    with pytest.raises(OutputTrouble):
        store.change("theme", "dark")
    assert store.value == Settings()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="only where rights bind this user")
def test_a_file_that_may_not_be_read_is_not_overwritten(path: Path) -> None:
    path.write_text("theme: dark\n")
    path.chmod(0)
    store = SettingsStore(path)
    assert path.exists() and "left as it is" in store.notes[0]
    store.change("theme", "light")
    (aside,) = path.parent.glob("settings.yaml.broken-*")
    aside.chmod(0o600)
    assert aside.read_text() == "theme: dark\n"


def test_each_setting_is_declared_for_a_person() -> None:
    assert {field.name for field in walk(Settings)} == set(asdict(Settings()))
    assert all(field.param.label and field.param.hint for field in walk(Settings))


def test_a_disk_that_fails_once_costs_no_settings(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("theme: dark\n")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda self: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
        store = SettingsStore(path)
    assert store.value == Settings()
    assert "Input/output error" in store.notes[0]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert SettingsStore(path).value.theme == "dark"
    store.change("theme", "light")
    (aside,) = path.parent.glob("settings.yaml.broken-*")
    assert aside.read_text() == "theme: dark\n"
    assert SettingsStore(path).value.theme == "light"


@pytest.mark.parametrize("content", ["[", "theme: purple\n", "just words"])
def test_looking_without_repair_changes_nothing(path: Path, content: str) -> None:
    path.write_text(content)
    assert SettingsStore(path, repair=False).notes
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_text() == content
