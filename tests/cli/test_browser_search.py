"""How `test` looks for a browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modules.cli import tests as command


def program(folder: Path, name: str, code: int) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
def test_one_that_does_not_start_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "chromium", 127)
    good = program(tmp_path, "google-chrome", 0)
    monkeypatch.setattr(command, "_of_playwright", list)
    monkeypatch.setattr(command, "PLACES", ())
    which = {path.name: str(path) for path in tmp_path.iterdir()}.get
    assert command.find_browser(which) == str(good)
    good.unlink()
    assert command.find_browser(which) is None


def test_without_a_browser_it_is_loud_and_under_ci_a_failure(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "find_browser", lambda: None)
    monkeypatch.setattr(command, "install_browser", lambda: None)
    monkeypatch.delenv(command.BROWSER, raising=False)
    monkeypatch.setenv("CI", "true")
    assert command.run(["--version"]) == 1
    assert "no browser" in capfd.readouterr().err
    monkeypatch.setenv("CI", "")
    assert command.run(["--version"]) == 0
    assert "THE BROWSER TESTS ARE SKIPPED" in capfd.readouterr().out
