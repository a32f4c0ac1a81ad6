"""A saved picture of any mode comes back pixel for pixel, by itself, in a new process. EASEL_RERUNS=60 runs the full count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from modules.app import App
from modules.core.extras import ExtrasRequest
from modules.core.options import Options
from modules.core.paths import Paths
from modules.infotext import files
from tests.conftest import Command
from tests.networks import small, small_faces, tiny
from tests.rerunning import requests

COUNT = int(os.environ.get("EASEL_RERUNS", "11"))
EACH = 2
"""Pictures of one run that are made again: the first, a grid where there is one, and the last."""


@pytest.fixture
def saved(tmp_path: Path) -> list[Path]:
    tiny.save_single(tmp_path / "models" / "Stable-diffusion" / "second.safetensors", tiny.ldm_tensors(*tiny.parts(seed=1)))
    small.save(tmp_path / "models" / "ESRGAN" / "2x-small.safetensors", small.esrgan(scale=2))
    small.save(tmp_path / "models" / "GFPGAN" / "detection_Resnet50_Final.safetensors", small_faces.anywhere())
    small.save(tmp_path / "models" / "Codeformer" / "codeformer.safetensors", small_faces.codeformer())
    app = App(Options(paths=Paths(data=tmp_path, models=tmp_path / "models")))
    app.start()
    try:
        wanted = requests(COUNT, app.default_request("easel-starter"), app.blobs, "second", "2x-small")
        tickets = [app.submit(request) for request in wanted]
        results = [ticket.result(1200) for ticket in tickets]
    finally:
        app.stop()
    found: list[Path] = []
    for result in results:
        paths = [picture.path for picture in result.pictures if picture.path]
        assert paths, result
        found += [*paths[: EACH - 1], *paths[EACH - 1 :][-1:]]
    return found


def test_saved_pictures_come_back_identical_in_a_new_process(saved: list[Path], easel: Command, tmp_path: Path) -> None:
    assert len(saved) >= COUNT
    done = easel("rerun", *map(str, saved), "--verify", "--models-dir", str(tmp_path / "models"))
    lines = [line for line in done.stdout.splitlines() if "identical" in line]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines) == len(saved)


def test_an_enlarged_picture_comes_back_identical_in_a_new_process(tmp_path: Path, easel: Command) -> None:
    """Extras: through a network, with a second upscaler blended in. Its file is found by its hash, whatever it is called by then."""
    models = tmp_path / "upscalers"
    small.save(models / "2x-small.safetensors", small.esrgan(scale=2))
    app = App(Options(paths=Paths(data=tmp_path, upscalers=(models,))))
    app.start()
    reference = app.blobs.put(files.encode(Image.linear_gradient("L").resize((48, 32)).convert("RGB"), ""))
    wish = ExtrasRequest(images=(reference,), scale=1.7, upscaler="2x-small", second="Lanczos", second_visibility=0.3)
    (picture,) = app.submit(wish).result(600).pictures
    app.stop()
    (models / "2x-small.safetensors").rename(models / "renamed.safetensors")
    done = easel("rerun", str(picture.path), "--verify", "--data-dir", str(tmp_path), "--upscalers-dir", str(models))
    assert done.returncode == 0 and "identical" in done.stdout, done.stdout + done.stderr
