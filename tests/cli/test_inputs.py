"""pack, clean and tidy, and what rerun says of inputs that are not here. The runner draws without a network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.app import App
from modules.cli import main
from modules.core.blobs import Blobs
from modules.core.groups.editing import Init, Mask
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.infotext import files
from tests.jobs.drawing import Drawing


@pytest.fixture
def easel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(App, "_make_runner", lambda app: Drawing(app.paths.outputs, app.outputs))
    return lambda *words, data="data": main([*map(str, words), "--data-dir", str(tmp_path / data)], lambda app, options: 99)


def plain(colour: int) -> bytes:
    return files.encode(Image.new("RGB", (16, 16), (colour, 0, 0)), "")


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    """A picture made from another one and a mask, which lie in the data folder."""
    blobs = Blobs(tmp_path / "data" / "inputs")
    request = GenerationRequest(seed=1, width=64, height=64, init=Init(image=blobs.put(plain(1))), mask=Mask(image=blobs.put(plain(2))))
    path = tmp_path / "painted.png"
    path.write_bytes(files.encode(Image.new("RGB", (64, 64)), "a cat", {"easel": "1", "request": to_dict(request), "facts": {}}))
    return path


def test_packed_it_can_be_made_again_elsewhere_and_not_packed_it_is_said_what_is_missing(easel: Any, painted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert easel("rerun", painted, data="elsewhere") == 2
    said = capsys.readouterr().err
    assert "the start picture (sha256:" in said and "the mask (sha256:" in said and "saved with its inputs" in said
    assert easel("pack", painted) == 0
    copy = Path(capsys.readouterr().out.strip())
    assert copy.name == "painted-with-inputs.png" and copy.parent == painted.parent
    assert easel("rerun", copy, data="elsewhere") == 0
    assert easel("rerun", painted, data="elsewhere") == 0
    assert easel("pack", painted, data="third") == 2


def test_a_clean_copy_says_nothing_and_replaces_nothing(easel: Any, painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = painted.read_bytes()
    assert easel("clean", painted) == 0 and easel("clean", painted, "--out", tmp_path / "new") == 0 and easel("clean", painted) == 0
    copies = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [copy.relative_to(tmp_path).as_posix() for copy in copies] == ["painted-clean.png", "new/painted-clean.png", "painted-clean-2.png"]
    found = files.read(copies[0])
    assert not found.chunks and found.document is None and painted.read_bytes() == before


def test_one_bad_file_does_not_keep_the_others(easel: Any, painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.png").write_text("no picture")
    assert easel("clean", tmp_path / "text.png", tmp_path / "gone.png", painted) == 2
    said = capsys.readouterr()
    assert said.out.strip().endswith("painted-clean.png") and len(said.err.splitlines()) == 2


def test_tidy_tells_before_it_deletes(easel: Any, painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = tmp_path / "data" / "inputs"
    for path in inputs.glob("*/*"):
        os.utime(path, (1, 1))
    assert easel("tidy") == 0
    assert "2 input pictures" in capsys.readouterr().out and len(list(inputs.glob("*/*"))) == 2
    (tmp_path / "data" / "outputs" / "kept.png").write_bytes(painted.read_bytes())
    assert easel("tidy", "--yes") == 0
    assert "Nothing to delete" in capsys.readouterr().out and len(list(inputs.glob("*/*"))) == 2
    (tmp_path / "data" / "outputs" / "kept.png").unlink()
    assert easel("tidy", "--yes") == 0
    assert "deleted" in capsys.readouterr().out and not list(inputs.glob("*/*"))
