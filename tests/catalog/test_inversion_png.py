"""Embeddings in pictures: as A1111 writes them, and everything that only looks like one."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.catalog import cards
from modules.catalog.inversion_png import holds, read
from modules.core.errors import BadModelFile

TOLD = {"name": "pearish", "string_to_token": {"*": 265}, "string_to_param": {"*": {"TORCHTENSOR": [[0.5, -1.0, 2.0], [1, 0, 0.25]]}}, "step": 100}


def picture(place: Path, text: str, packed: bool = False, key: str = "sd-ti-embedding") -> Path:
    info = PngInfo()
    info.add_text(key, text, zip=packed)
    Image.new("RGB", (8, 8)).save(place / "x.png", pnginfo=info)
    return place / "x.png"


def encoded(told: object) -> str:
    return base64.b64encode(json.dumps(told).encode()).decode()


@pytest.mark.parametrize("packed", [False, True])
def test_the_vectors_come_out_as_they_were_written(tmp_path: Path, packed: bool) -> None:
    path = picture(tmp_path, encoded(TOLD), packed)
    assert holds(path)
    assert read(path) == ("pearish", [[0.5, -1.0, 2.0], [1.0, 0.0, 0.25]])
    card = cards.embedding(path)
    assert (card.kind, card.note, card.trouble) == ("embedding", "2 vectors of 3", "")


def test_a_single_vector_may_lack_its_first_axis(tmp_path: Path) -> None:
    assert read(picture(tmp_path, encoded({"string_to_param": {"*": [1, 2]}}))).vectors == [[1.0, 2.0]]


def test_a_plain_picture_holds_none(tmp_path: Path) -> None:
    assert not holds(picture(tmp_path, "a cat", key="parameters"))
    (tmp_path / "y.png").write_bytes(b"no picture")
    assert not holds(tmp_path / "y.png")
    assert not holds(tmp_path / "nowhere.png")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "???",
        base64.b64encode(b"\xff").decode(),
        encoded([]),
        encoded({"string_to_param": {}}),
        encoded({"string_to_param": {"*": []}}),
        encoded({"string_to_param": {"*": [[]]}}),
        encoded({"string_to_param": {"*": [[1], [1, 2]]}}),
        encoded({"string_to_param": {"*": [["1"]]}}),
        encoded({"string_to_param": {"*": [[True]]}}),
        encoded({"string_to_param": {"*": [[1e999]]}}),
        encoded({"string_to_param": {"*": [[0.0]] * 76}}),
        encoded({"string_to_param": {"*": [[0.0] * 9000]}}),
        base64.b64encode(b"[" * 100_000).decode(),
    ],
)
def test_damaged_ones_are_said(tmp_path: Path, text: str) -> None:
    path = picture(tmp_path, text)
    with pytest.raises(BadModelFile):
        read(path)
    assert cards.embedding(path).trouble


def test_a_chunk_that_grows_without_end_is_stopped(tmp_path: Path) -> None:
    path = picture(tmp_path, encoded(TOLD))
    bomb = b"sd-ti-embedding\0\0" + zlib.compress(b"A" * (65 * 2**20))
    data = path.read_bytes()
    path.write_bytes(data[:33] + len(bomb).to_bytes(4) + b"zTXt" + bomb + zlib.crc32(b"zTXt" + bomb).to_bytes(4) + data[33:])
    with pytest.raises(BadModelFile, match="too large"):
        read(path)


def test_a_cut_off_file_raises_nothing_else(tmp_path: Path) -> None:
    whole = picture(tmp_path, encoded(TOLD)).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.png").write_bytes(whole[:length])
        try:
            read(tmp_path / "cut.png")
        except BadModelFile:
            pass
