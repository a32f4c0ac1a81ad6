"""Checkpoints in small pieces, and together again; damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modules.core.errors import BadModelFile
from modules.training import state
from modules.training.starter import pieces
from modules.training.state import State


def test_there_and_back(tmp_path: Path) -> None:
    for step in (3, 9):
        state.save(tmp_path / "checkpoints", State(step, {"a": torch.randn(999)}, {"recipe": "r"}))
        written = pieces.split(tmp_path / "checkpoints", tmp_path / "pieces", 1024)
    assert len(written) == 5 and all(path.stat().st_size <= 1024 for path in written)
    assert sorted(path.name for path in (tmp_path / "pieces").glob("*.piece")) == [path.name for path in written]
    joined = pieces.join(tmp_path / "pieces", tmp_path / "elsewhere")
    assert joined and joined.read_bytes() == (tmp_path / "checkpoints" / joined.name).read_bytes()
    assert pieces.join(tmp_path / "pieces", tmp_path / "elsewhere") == joined and state.listed(tmp_path / "elsewhere") == [9]


def test_nothing_and_damage(tmp_path: Path) -> None:
    assert pieces.join(tmp_path, tmp_path) is None and pieces.split(tmp_path, tmp_path / "pieces") == []
    state.save(tmp_path / "checkpoints", State(1, {"a": torch.zeros(999)}, {}))
    written = pieces.split(tmp_path / "checkpoints", tmp_path / "pieces", 1024)
    written[1].write_bytes(b"other")
    with pytest.raises(BadModelFile, match="make no checkpoint"):
        pieces.join(tmp_path / "pieces", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
