"""import-a1111 on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.cli import main
from modules.core.settings import Settings, SettingsStore
from tests.a1111.folder import installation


def run(*words: object) -> int:
    return main(["import-a1111", *map(str, words)], lambda app, options: 99)


def test_looks_takes_and_takes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs, data = installation(tmp_path / "webui"), tmp_path / "easel"
    assert run(theirs, "--look", "--data-dir", data) == 0
    looked = capsys.readouterr().out
    assert "+ config.json: save_txt = True" in looked and "would be taken" in looked and not (data / "settings.yaml").exists()
    assert run(theirs, "--data-dir", data) == 0
    assert SettingsStore(data / "settings.yaml").value.save_txt is True
    assert "--undo" in capsys.readouterr().out
    assert run("--undo", "--data-dir", data) == 0
    assert SettingsStore(data / "settings.yaml").value == Settings()


@pytest.mark.parametrize("words", [(), ("folder", "--undo"), ("nowhere",), ("--undo",)])
def test_bad_words_are_refused_in_a_line(tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words, "--data-dir", tmp_path) == 2
    assert capsys.readouterr().err.count("\n") == 1
