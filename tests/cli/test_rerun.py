"""rerun: which picture of a run a file is, and where copies go. The runner draws without a network."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.app import App
from modules.cli import main
from modules.core.groups.passes import Script
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Report, Result
from modules.engine.save import Destination
from modules.infotext import files
from tests.jobs.drawing import Drawing

COLOURS = ((9, 9, 9), (90, 0, 0), (0, 90, 0))


class Scripted(Drawing):
    """Gives three pictures, as an X/Y/Z plot with sub-grids does."""

    def run(self, request: GenerationRequest, report: Report, cancel: Any, save: bool, saving: object = None, user: str = "") -> Result:
        if not request.script.name:
            return super().run(request, report, cancel, save)
        pictures = [Picture(picture_of(request, index), 64, 64, request, "", index) for index in range(3)]
        if save:
            assert self.saver
            pictures = [picture.saved(self.saver.save(picture.data, Destination(seed=1, kind="txt2img-grids", grid="xyz_grid"))[0]) for picture in pictures]
        for picture in pictures:
            report(picture)
        return Result(request, tuple(pictures))


def picture_of(request: GenerationRequest, index: int) -> bytes:
    document = {"easel": "0", "request": to_dict(request), "facts": {}, "index": index}
    return files.encode(Image.new("RGB", (64, 64), COLOURS[index]), "", document)


@pytest.fixture
def rerun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(App, "_make_runner", lambda app: Scripted(app.paths.outputs, app.outputs))
    return lambda *words: main(["rerun", *map(str, words), "--data-dir", str(tmp_path / "data")], lambda app, options: 99)


def test_a_picture_of_a_script_is_compared_with_the_one_at_its_own_place(rerun: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = GenerationRequest(seed=1, width=64, height=64, script=Script(name="Prompt matrix"))
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        path.write_bytes(picture_of(request, index))
    assert rerun(*paths, "--verify") == 0
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().out.splitlines()] == ["identical"] * 3


def test_a_place_that_the_run_does_not_have_is_said(rerun: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = GenerationRequest(seed=1, script=Script(name="Prompt matrix"))
    document = {"easel": "0", "request": to_dict(request), "facts": {}, "index": 7}
    (tmp_path / "far.png").write_bytes(files.encode(Image.new("RGB", (64, 64)), "", document))
    assert rerun(tmp_path / "far.png", "--verify") == 2
    assert "picture 8 of its run, which made 3" in capsys.readouterr().err


def test_copies_bear_the_names_of_their_files_and_never_replace_one(rerun: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Drawing(tmp_path / "first").run(GenerationRequest(seed=3, width=64, height=64), lambda event: None, lambda: Cancel.NONE, False)
    document = {"easel": "0", "request": to_dict(made.request), "facts": {}}
    (tmp_path / "pear.png").write_bytes(files.encode(Image.open(io.BytesIO(made.pictures[0].data)), "", document))
    again = tmp_path / "again"
    assert rerun(tmp_path / "pear.png", tmp_path / "pear.png", "--verify", "--out", again) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == [str(again / "pear.png"), str(again / "pear-2.png")]
    assert all(line.endswith("identical") for line in lines[1::2])
    assert not list((tmp_path / "data" / "outputs").rglob("*.png"))


@pytest.mark.parametrize("format", ["jpg", "webp", "avif"])
def test_a_lossy_file_is_compared_as_it_was_saved(rerun: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], format: files.Format) -> None:
    request = GenerationRequest(seed=1, width=64, height=64, script=Script(name="Prompt matrix"))
    path = tmp_path / f"lossy.{format}"
    path.write_bytes(files.converted(picture_of(request, 1), format, 70))
    assert rerun(path, "--verify") == 0
    assert capsys.readouterr().out.strip().endswith(f"identical as {format} of quality 70, which is how the file was saved")


def test_a_lossy_file_of_unknown_making_passes_only_by_its_tolerance(rerun: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = GenerationRequest(seed=1, width=64, height=64, script=Script(name="Prompt matrix"))
    path = tmp_path / "lossy.jpg"
    document = {"easel": "0", "request": to_dict(request), "facts": {}, "index": 1}
    path.write_bytes(files.encode(Image.open(io.BytesIO(picture_of(request, 1))), "", document, "jpg", 30))
    assert rerun(path, "--verify") == 1
    assert "from a jpg file, which may have lost pixels" in capsys.readouterr().out
    assert rerun(path, "--verify", "--tolerance", "30") == 0
