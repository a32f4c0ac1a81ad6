"""generate --init and --mask: img2img and inpainting without a page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.app import App
from modules.cli import main
from modules.core.blobs import Blobs
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.jobs.store import Store
from tests.imaging import painting
from tests.jobs.drawing import Drawing
from tests.networks import tiny_control

BAD = 2


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "_make_runner", lambda app: Drawing(app.paths.outputs, app.outputs))


def generate(data: Path, *words: str) -> int:
    return main(["generate", "a pear", "--steps", "1", "--seed", "7", "--data-dir", str(data), *words], lambda app, options: 99)


def request_of(data: Path) -> GenerationRequest:
    store = Store(data / "outputs" / "history.db")
    (job,) = store.recent()
    store.close()
    assert isinstance(job.request, GenerationRequest)
    return job.request


def saved(image: Image.Image, path: Path) -> str:
    image.save(path)
    return str(path)


@pytest.mark.parametrize(("flags", "size"), [((), (200, 104)), (("--width", "128"), (128, 0)), (("--outpaint-left", "64"), (200, 104))])
def test_the_picture_is_kept_and_gives_the_size(tmp_path: Path, drawn: None, flags: tuple[str, ...], size: tuple[int, int]) -> None:
    path = tmp_path / "start.png"
    assert generate(tmp_path, "--init", saved(painting.ramp(203, 107), path), "--init-strength", "0.4", *flags) == 0
    request = request_of(tmp_path)
    assert (request.width, request.height if size[1] else 0) == size
    assert request.init.strength == 0.4 and request.work == "img2img"
    kept = Blobs(Paths(data=tmp_path).inputs).get(request.init.image)
    assert kept == path.read_bytes(), "the very file, so that a rerun finds it"


def test_an_inpainting_keeps_what_is_not_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = painting.noise(64, 64)
    words = ("--init", saved(start, tmp_path / "start.png"), "--mask", saved(painting.box_mask(64, 64, (32, 0, 64, 64)), tmp_path / "mask.png"))
    assert generate(tmp_path, *words, "--mask-blur-x", "0", "--mask-blur-y", "0", "--out", str(tmp_path / "made.png")) == 0, capsys.readouterr().err
    made = np.asarray(Image.open(tmp_path / "made.png").convert("RGB"))
    assert np.array_equal(made[:, :32], np.asarray(start)[:, :32]) and not np.array_equal(made[:, 32:], np.asarray(start)[:, 32:])


def test_what_cannot_be_is_said_before_anything_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(App, "__init__", lambda *given, **named: pytest.fail("nothing of this needs an app"))
    (tmp_path / "words.txt").write_text("no picture")
    start, black = saved(painting.ramp(64, 64), tmp_path / "start.png"), saved(Image.new("RGB", (64, 64)), tmp_path / "black.png")
    for words, told in (
        (("--init", str(tmp_path / "gone.png")), "--init"),
        (("--init", str(tmp_path)), "is no file"),
        (("--init", ""), "is no file"),
        (("--init", str(tmp_path / "words.txt")), "no picture"),
        (("--mask", black), "Name it with --init"),
        (("--init", start, "--mask", black), "black all over"),
        (("--init", start, "--init-image", "sha256:" + "0" * 64), "Give one of them"),
    ):
        assert generate(tmp_path, *words) == BAD, words
        said = capsys.readouterr().err
        assert told in said and "Traceback" not in said, said


def test_control_units_name_their_pictures_by_path(tmp_path: Path, drawn: None, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_control.save_authors(tmp_path / "models" / "ControlNet" / "sketch.safetensors", tiny_control.t2i_adapter())
    path = tmp_path / "lines.png"
    saved(painting.ramp(64, 64), path)
    unit = {"model": "sketch", "module": "canny", "image": str(path)}
    assert generate(tmp_path, "--control", json.dumps(unit), "--models-dir", str(tmp_path / "models")) == 0, capsys.readouterr().err
    (made,) = request_of(tmp_path).control
    assert (made.model, made.module) == ("sketch", "canny")
    assert Blobs(Paths(data=tmp_path).inputs).get(made.image) == path.read_bytes()
    assert generate(tmp_path, "--control", json.dumps({**unit, "image": str(tmp_path / "gone.png")})) == BAD
    assert "gone.png" in capsys.readouterr().err
