"""What a run was computed on, part by part."""

from __future__ import annotations

from pathlib import Path

from modules.training.curve import Curve
from modules.training.starter import parts
from modules.training.starter.stages import AUTOENCODER, DENOISER


def test_parts_are_told_together(tmp_path: Path) -> None:
    assert parts.told(parts.parts(tmp_path)) == ""
    Curve(tmp_path / AUTOENCODER / "curve.jsonl", 0).add({"step": 7, "loss": 0.5})
    parts.note(tmp_path, "cpu", 90)
    parts.note(tmp_path, "cpu", 150)
    found = parts.parts(tmp_path)
    assert found[0]["steps"] == {AUTOENCODER: 7, DENOISER: 0} and len(found) == 2
    assert parts.told(found).endswith("in 2 parts, 4 minutes together.") and parts.told(found).startswith("Computed on ")
    assert parts.told(found[:1]).endswith("in 1 part, 2 minutes together.")
