"""Captions that are dropped now and then are what guidance lives on."""

from __future__ import annotations

from pathlib import Path

from tests.training.points import learnt, right


def test_guidance_needs_captions_that_were_dropped(tmp_path: Path) -> None:
    found = {dropout: [right(learnt(dropout, tmp_path / str(dropout)), scale) for scale in (1.0, 5.0)] for dropout in (0.2, 0.0)}
    gained = {dropout: guided - plain for dropout, (plain, guided) in found.items()}
    assert found[0.2][1] > 0.9 and gained[0.2] > 0.2 and gained[0.0] < 0.1, found
