"""core.result: a saved picture holds no bytes, and is read again when somebody asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.core.errors import NotFound
from modules.core.request import GenerationRequest
from modules.core.result import Picture


def test_a_saved_picture_lies_on_the_disk_and_not_in_memory(tmp_path: Path) -> None:
    picture = Picture(b"the file", 1, 1, GenerationRequest(), "text")
    assert picture.data == b"the file"
    path = tmp_path / "1.png"
    path.write_bytes(picture.data)
    saved = picture.saved(path)
    assert (saved.held, saved.data, saved.path) == (b"", b"the file", path)
    path.unlink()
    with pytest.raises(NotFound, match=r"1\.png") as caught:
        saved.data  # noqa: B018
    assert caught.value.remedy
