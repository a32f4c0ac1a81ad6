"""Weights in small pieces, and together again; damaged ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modules.core.errors import BadModelFile
from modules.training.starter import pieces


def test_there_and_back(tmp_path: Path) -> None:
    for step in (3, 9):
        source = tmp_path / f"step-{step}.safetensors"
        source.write_bytes(bytes(range(256)) * 16 + bytes([step]))
        written = pieces.split(source, tmp_path / "pieces", 1024)
    assert len(written) == 5 and all(path.stat().st_size <= 1024 for path in written)
    assert sorted(path.name for path in (tmp_path / "pieces").glob("*.piece")) == [path.name for path in written]
    joined = pieces.join(tmp_path / "pieces", tmp_path / "elsewhere")
    assert joined and joined.read_bytes() == source.read_bytes() and joined.name == source.name
    joined.write_bytes(b"newer")
    assert pieces.join(tmp_path / "pieces", tmp_path / "elsewhere") == joined and joined.read_bytes() == b"newer"


@pytest.mark.parametrize("file", ["../out.safetensors", "out.py", "a/b.safetensors", 3])
def test_pieces_stay_in_their_folder(tmp_path: Path, file: object) -> None:
    (tmp_path / pieces.LIST).write_text(json.dumps({"file": file, "pieces": [], "sha256": []}))
    with pytest.raises(BadModelFile, match="make no file"):
        pieces.join(tmp_path, tmp_path / "to")


def test_nothing_and_damage(tmp_path: Path) -> None:
    assert pieces.join(tmp_path, tmp_path) is None
    source = tmp_path / "a.safetensors"
    source.write_bytes(bytes(3000))
    written = pieces.split(source, tmp_path / "pieces", 1024)
    written[1].write_bytes(b"other")
    with pytest.raises(BadModelFile, match="make no file"):
        pieces.join(tmp_path / "pieces", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
