"""generate --out: each picture is where it was asked for as soon as it is finished, whatever becomes of the rest."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.app import App
from modules.cli import main
from modules.core.errors import OutOfMemory
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Progress, Report, Result
from modules.jobs.store import Store
from tests.jobs.conftest import PATIENCE
from tests.jobs.drawing import Drawing

SMALL = ("--steps", "2", "--width", "64", "--height", "64", "--seed", "7", "--count", "3")


class Failing(Drawing):
    """Runs out of memory at the third picture, once `there` says that the first two have arrived."""

    def __init__(self, app: App, there: Callable[[], bool]) -> None:
        super().__init__(app.paths.outputs, app.outputs)
        self.there = there
        self.arrived = False

    def run(self, request: GenerationRequest, report: Report, cancel: Callable[[], Cancel], save: bool, saving: object = None, user: str = "") -> Result:
        def watched(event: object) -> None:
            if isinstance(event, Progress) and event.picture == 2:
                for _ in range(int(PATIENCE * 100)):
                    if self.there():
                        self.arrived = True
                        break
                    threading.Event().wait(0.01)
                raise OutOfMemory("The card is full.", "Make it smaller.")
            report(event)  # type: ignore[arg-type]

        return super().run(request, watched, cancel, save)


@pytest.mark.parametrize(("out", "names"), [("new", ["00001-7.png", "00002-8.png"]), ("new/pear.webp", ["pear-1.webp", "pear-2.webp"])])
def test_what_was_finished_is_there_before_the_run_ends_and_stays_when_it_fails(
    out: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [tmp_path / "new" / name for name in names]
    runners: list[Failing] = []

    def make_runner(app: App) -> Failing:
        runners.append(Failing(app, lambda: all(path.exists() for path in wanted)))
        return runners[0]

    monkeypatch.setattr(App, "_make_runner", make_runner)
    code = main(["generate", "a pear", *SMALL, "--out", str(tmp_path / out), "--data-dir", str(tmp_path)], lambda app, options: 99)
    said = capsys.readouterr()
    assert code == 1 and "The card is full" in said.err
    assert runners[0].arrived, "the pictures were not delivered while the run went on"
    assert said.out.splitlines() == [str(path) for path in wanted]
    assert sorted((tmp_path / "new").iterdir()) == wanted
    assert [Image.open(path).size for path in wanted] == [(64, 64)] * 2
    assert not [path for path in (tmp_path / "outputs").iterdir() if path.is_dir() and path.name.endswith("images")], "an empty folder was left"
    store = Store(tmp_path / "outputs" / "history.db")
    (job,) = store.recent()
    assert [(Path(record.path), record.sha256) for record in job.pictures] == [(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in wanted]
    store.close()


def test_an_out_below_the_outputs_folder_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(App, "_make_runner", lambda app: Drawing(app.paths.outputs, app.outputs))
    out = tmp_path / "outputs" / "txt2img-images" / "2026-01-31"
    assert main(["generate", "a pear", *SMALL, "--out", str(out), "--data-dir", str(tmp_path)], lambda app, options: 99) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(set(paths)) == 3 and all(path.is_file() for path in paths)
    assert sorted(out.iterdir()) == sorted(paths)


@pytest.mark.parametrize("out", ["new", "new/pear.png"])
def test_a_place_that_closes_meanwhile_costs_no_picture(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Closing(Drawing):
        def run(self, *words: Any) -> Result:
            (tmp_path / "new").rmdir()
            (tmp_path / "new").write_text("a file where the folder was")
            return super().run(*words)

    monkeypatch.setattr(App, "_make_runner", lambda app: Closing(app.paths.outputs, app.outputs))
    code = main(["generate", "a pear", *SMALL, "--out", str(tmp_path / out), "--data-dir", str(tmp_path)], lambda app, options: 99)
    said = capsys.readouterr()
    assert code == 1
    paths = [Path(line) for line in said.out.splitlines()]
    assert len(paths) == 3 and all(path.is_relative_to(tmp_path / "outputs") and path.is_file() for path in paths)
