from __future__ import annotations

import base64
from pathlib import Path

import pytest
from PIL import Image

from modules.api.pictures import Pictures, decoded
from modules.core.blobs import Blobs
from modules.core.errors import BadPicture
from tests.api.painting import encoded

PEAR = encoded(Image.new("RGB", (8, 8), "green"))
DATA = base64.b64decode(PEAR)


@pytest.mark.parametrize(
    "text", [PEAR, f"data:image/png;base64,{PEAR}", f"Data:;base64,{PEAR}", PEAR[:20] + "\r\n" + PEAR[20:] + "\n", f"data:image/png;base64, {PEAR}"]
)
def test_spellings_of_the_same_picture(text: str) -> None:
    assert decoded(text, "mask") == DATA


@pytest.mark.parametrize("text", ["", " ", "data:", "data:image/png;base64,", "=", "a", "ä", "\0", PEAR + "!", "file:///etc/passwd", "/etc/passwd?"])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(BadPicture) as caught:
        decoded(text, "mask")
    assert caught.value.field == "mask"


def test_an_address_is_fetched_only_while_that_is_allowed(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []
    allowed = [False]

    def fetch(url: str, field: str) -> bytes:
        asked.append((url, field))
        return DATA

    pictures = Pictures(Blobs(tmp_path), fetch, lambda: allowed[0])
    with pytest.raises(BadPicture, match="settings"):
        pictures.data("https://pictures.example/a.png", "mask")
    assert asked == []
    allowed[0] = True
    reference = pictures.kept("HTTPS://pictures.example/a.png ", "mask")
    assert asked == [("HTTPS://pictures.example/a.png", "mask")]
    assert Blobs(tmp_path).get(reference) == DATA


def test_what_does_not_open_is_not_kept(tmp_path: Path) -> None:
    pictures = Pictures(Blobs(tmp_path / "inputs"), lambda url, field: b"", lambda: False)
    with pytest.raises(BadPicture, match="mask"):
        pictures.kept(base64.b64encode(DATA[:40]).decode(), "mask")
    assert not (tmp_path / "inputs").exists()
