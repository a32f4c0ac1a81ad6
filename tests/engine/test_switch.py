"""Two checkpoints, switched back and forth: how many bytes that reads from the disk, and how often weights become networks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.catalog.card import Card
from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.generate import Engine
from modules.engine.models import weight
from modules.engine.save import Outputs
from modules.families.family import Model
from modules.families.unet import UNetFamily
from tests.networks import tiny

VOCABULARY = 2 * 2**20
"""Bytes at most, of the text encoder's words and of headers."""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    for seed, name in enumerate(("one", "two")):
        tiny.save_single(tmp_path / "models" / "Stable-diffusion" / f"{name}.safetensors", tiny.ldm_tensors(*tiny.parts(seed=seed)))
    library = Library(Paths(data=tmp_path, models=tmp_path / "models"), HashCache(tmp_path / "hashes.db"))
    for card in library.checkpoints():
        library.hashed(card)
    return Engine(library, Outputs(tmp_path / "outputs"), Blobs(tmp_path / "inputs"))


def drawn(engine: Engine, model: str) -> Callable[[], object]:
    request = GenerationRequest(prompt="a cat", model=model, width=64, height=64, steps=1, seed=1)
    return lambda: engine.run(request, lambda event: None, lambda: Cancel.NONE, False)


def read_by(work: Callable[[], object]) -> int:
    """Bytes that this process reads meanwhile, from files in memory, too."""

    def so_far() -> int:
        return int(Path("/proc/self/io").read_text().split("rchar:")[1].split()[0])

    before = so_far()
    work()
    return so_far() - before


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of others does not count what a process reads")
def test_a_switch_reads_the_file_once_and_a_switch_back_nothing(engine: Engine) -> None:
    drawn(engine, "one")()  # libraries, too, are read at the first picture
    size = engine.shelf.checkpoint("two").size
    cold, back, again = (read_by(drawn(engine, name)) for name in ("two", "one", "two"))
    assert size <= cold <= 1.5 * size + VOCABULARY, "once; other threads of the process may read a little, too"
    assert max(back, again) <= 0.1 * cold


@pytest.mark.parametrize(("room", "expected"), [(2.5, ["one", "two"]), (1.2, ["one", "two", "one", "two"])])
def test_what_fits_is_loaded_once_and_what_does_not_leaves(engine: Engine, monkeypatch: pytest.MonkeyPatch, room: float, expected: list[str]) -> None:
    loads: list[str] = []
    load = UNetFamily.load

    def counted(self: UNetFamily, card: Card, *rest: Any) -> Model:
        loads.append(card.name)
        return load(self, card, *rest)

    monkeypatch.setattr(UNetFamily, "load", counted)
    card = engine.shelf.hashed(engine.shelf.checkpoint("one"))
    engine.models._held.limit = int(room * weight(engine.models.load(card, "fp32").model))
    engine.unload()
    loads.clear()
    for name in ("one", "two", "one", "two"):
        drawn(engine, name)()
    assert loads == expected
