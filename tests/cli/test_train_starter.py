"""`train starter`: what is refused before torch is loaded, and the data package from a tarball. Whole runs: tests/training/starter."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules import cli
from modules.training.starter import package
from tests.training.starter.shapes import folder
from tests.training.starter.test_package import tarball


def run(*words: str) -> int:
    return cli.main(["train", "starter", *words], lambda app, options: 0)


def test_make_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "made.zip"
    assert run("--make-data", str(tarball(tmp_path / "pictures.tgz")), "--data", str(target)) == 0
    said = capsys.readouterr()
    assert "made.zip" in said.out and "sha256" in said.out and "another package" in said.err
    assert len(package.read(target).cutouts) >= 150


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--data", "nowhere.zip"), "nowhere.zip is no package of cut-outs"),
        (("--preset", "tpu"), "invalid choice: 'tpu'"),
        (("--minutes", "-1"), "--minutes goes from 0"),
        (("--minutes", "nan"), "--minutes goes from 0"),
        (("--processes", "9999"), "--minutes goes from 0"),
        (("--make-data", "nowhere.tgz"), "nowhere.tgz cannot be read"),
        (("more",), "one word too many"),
    ],
)
def test_what_cannot_be_is_said_at_once(words: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert reason in capsys.readouterr().err


def test_a_folder_of_too_few_things(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = folder(tmp_path / "cut")
    for path in sorted(place.iterdir())[1:]:
        path.unlink()
    assert run("--data", str(place)) == 2
    assert "cut holds 1 pictures. At least two things are needed." in capsys.readouterr().err
