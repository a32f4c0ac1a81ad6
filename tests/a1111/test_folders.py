"""Models are found where they lie: in an installation beside ours, by its folder or by its models folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.a1111.adoption import Adoption
from modules.app import App
from modules.core.options import Options
from modules.core.paths import Paths
from tests.a1111.folder import installation
from tests.api.painting import checkpoint


@pytest.mark.parametrize("named", ["", "models"])
def test_a_further_folder_is_looked_through(tmp_path: Path, named: str) -> None:
    theirs = installation(tmp_path / "webui")
    checkpoint(theirs / "models" / "Stable-diffusion" / "theirs.safetensors", 1)
    paths = Paths(data=tmp_path / "easel", models=tmp_path / "easel" / "models").with_more([str(theirs / named)])
    assert theirs / "models" / "Stable-diffusion" in paths.checkpoint_folders()
    assert theirs / "models" / "ESRGAN" in paths.upscaler_folders()
    assert (theirs / "extensions" / "sd-webui-controlnet" / "models" in paths.further_folders("controlnet")) == (named == "")
    assert (theirs / "embeddings" in paths.embedding_folders()) == (named == "")


def test_an_app_finds_them_as_soon_as_they_are_taken_over_and_after_a_restart(tmp_path: Path) -> None:
    theirs = installation(tmp_path / "webui")
    checkpoint(theirs / "models" / "Stable-diffusion" / "theirs.safetensors", 1)
    options = Options(paths=Paths(data=tmp_path / "easel", models=tmp_path / "easel" / "models"))
    app = App(options)
    before = [card.name for card in app.library.checkpoints()]
    app.adoption.take(theirs)
    assert app.library.checkpoint("theirs").path == theirs / "models" / "Stable-diffusion" / "theirs.safetensors"
    app.stop()
    again = App(options)
    assert again.library.checkpoint("theirs").path.is_relative_to(theirs), "never copied"
    assert isinstance(again.adoption, Adoption)
    again.adoption.undo()
    assert [card.name for card in again.library.checkpoints()] == before
    again.stop()
