"""A run goes on with the pictures and captions that it was begun with, and says which are others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modules.core.errors import InvalidRequest
from modules.core.training import Pictures, Prior, TrainingRequest
from modules.training import pinned
from tests.training.painting import beside, picture


@pytest.fixture
def request_(tmp_path: Path) -> TrainingRequest:
    """Of five captioned pictures, and three of other things."""
    return TrainingRequest(
        name="thing", data=Pictures(folder=str(beside(tmp_path / "pictures"))), prior=Prior(folder=str(beside(tmp_path / "others", count=3)))
    )


def said(place: Path, request: TrainingRequest, whole: bool = True) -> str:
    with pytest.raises(InvalidRequest) as caught:
        pinned.unchanged(place, request, whole)
    assert "--keep" in caught.value.remedy
    return caught.value.what


def test_what_is_other_is_named(tmp_path: Path, request_: TrainingRequest) -> None:
    pictures = Path(request_.data.folder)
    names = sorted(path.name for path in pictures.glob("*.png"))
    pinned.pin(tmp_path, request_)
    pinned.unchanged(tmp_path, request_)
    caption = (pictures / names[0]).with_suffix(".txt")
    words = caption.read_text()
    caption.write_text("something else")
    assert said(tmp_path, request_, False).endswith(f"{names[0]} has another caption (it was “{words.strip()}”).")
    caption.write_text(words + "\n")
    pinned.unchanged(tmp_path, request_)

    whole = (pictures / names[1]).read_bytes()
    (pictures / names[1]).write_bytes(whole[:-1] + b"x")
    pinned.unchanged(tmp_path, request_, whole=False)
    assert said(tmp_path, request_).endswith(f"{names[1]} is another picture.")
    (pictures / names[1]).write_bytes(whole + b"x")
    assert f"{names[1]} is another picture" in said(tmp_path, request_, False)
    (pictures / names[1]).write_bytes(whole)

    picture(77).save(pictures / "zz.png")
    (pictures / names[2]).rename(tmp_path / "aside.png")
    assert said(tmp_path, request_).endswith(f"zz.png was added; {names[2]} is gone.")
    (tmp_path / "aside.png").rename(pictures / names[2])
    (pictures / "zz.png").unlink()
    pinned.unchanged(tmp_path, request_)


def test_pictures_of_other_things_count_too(tmp_path: Path, request_: TrainingRequest) -> None:
    pinned.pin(tmp_path, request_)
    picture(78).save(Path(request_.prior.folder) / "more.png")
    assert "more.png was added" in said(tmp_path, request_, False)
    pinned.unchanged(tmp_path, replace(request_, prior=Prior()))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"data": {"a.png": 3}}', "null"])
def test_what_cannot_be_read_holds_nothing(tmp_path: Path, request_: TrainingRequest, text: str) -> None:
    pinned.unchanged(tmp_path, request_)
    (tmp_path / pinned.NAME).write_text(text)
    assert not pinned.pinned(tmp_path)
    pinned.unchanged(tmp_path, request_)
