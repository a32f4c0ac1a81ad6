"""Captions that are dropped now and then are what guidance lives on."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from tests.training.points import learnt, right

SEEDS = (3, 4, 5)


def test_guidance_needs_captions_that_were_dropped(tmp_path: Path) -> None:
    """From the same beginnings, with and without: where none was dropped, what guidance does is left to chance, so that it is the mean that says something."""
    found: dict[float, list[list[float]]] = {}
    for dropout in (0.2, 0.0):
        networks = [learnt(dropout, tmp_path / f"{dropout}-{seed}", seed) for seed in SEEDS]
        found[dropout] = [[right(network, scale) for scale in (1.0, 5.0)] for network in networks]
    gained = {dropout: [guided - plain for plain, guided in pairs] for dropout, pairs in found.items()}
    assert min(guided for _, guided in found[0.2]) > 0.9 and min(gained[0.2]) > 0.2, found
    assert mean(gained[0.2]) > mean(gained[0.0]) + 0.1, found
    assert mean(plain for plain, _ in found[0.2]) < mean(plain for plain, _ in found[0.0]) + 0.05, "without guidance it does not matter"
