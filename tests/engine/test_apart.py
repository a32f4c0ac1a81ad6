"""Weights that wait are somewhere else: whatever takes part in a run brings them before it computes with them.

On a CPU one can compute with what waits, on a GPU not. So here an operation that takes a tensor that waits together with another one raises, as there.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from modules.core.options import Placement
from modules.engine.first_passes import FirstPasses
from modules.engine.generate import Engine
from modules.memory import offload, placement
from modules.memory.waiting import InMemory
from tests.engine import shortage
from tests.engine.shortage import run, wish

MOVING = ("copy_", "_to_copy", "clone", "detach", "_has_compatible")
"""What is done between two devices on a GPU, too."""


class Elsewhere(InMemory):
    """Memory of another device than the one that works."""

    def __init__(self) -> None:
        super().__init__(False)
        self.there: weakref.WeakSet[Any] = weakref.WeakSet()

    def keep(self, tensor: Tensor) -> Tensor:
        kept = tensor.detach().clone()
        self.there.add(kept.untyped_storage())
        return kept


class Devices(TorchDispatchMode):
    def __init__(self, elsewhere: Elsewhere) -> None:
        super().__init__()
        self._elsewhere = elsewhere

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not func.__name__.startswith(MOVING):
            sides = {one.untyped_storage() in self._elsewhere.there for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor) and one.dim()}
            if len(sides) > 1:
                raise TypeError(f"{func} takes tensors of two devices")
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return shortage.engine(tmp_path_factory.mktemp("apart"))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    there = Elsewhere()
    monkeypatch.setattr(placement, "OnDisk", lambda folder: there)
    monkeypatch.setattr(offload, "SMALL", 2**10)  # the networks are small
    yield there


def wishes(engine: Engine) -> dict[str, dict[str, Any]]:
    """Whatever calls parts of networks in its own way. A LoRA is put on where weights wait: of that tells tests/memory/test_offload.py."""
    everything = shortage.everything(engine)
    return {
        "control": {"control": everything["text"]["control"], "prompt": "a (cat:1.2) AND a dog"},
        "picture": everything["picture"],
        "tiles": {"vae_tiled": True, "width": 576, "height": 64, "steps": 1},
        "shortcuts": {"shortcuts": {"deep_steps": 2, "merging": 0.5}, "steps": 4},
    }


def pictures(engine: Engine, values: dict[str, Any]) -> list[bytes]:
    """With nothing left from the run before."""
    engine.first_passes = FirstPasses()
    engine.readings.clear()
    return [picture.data for picture in run(engine, wish(values)).pictures]


@pytest.fixture(scope="module")
def drawn(engine: Engine) -> dict[str, list[bytes]]:
    """From memory."""
    return {name: pictures(engine, values) for name, values in wishes(engine).items()}


@pytest.mark.parametrize("where", ["medvram", "lowvram"])
def test_whatever_takes_part_brings_its_weights(
    engine: Engine, drawn: dict[str, list[bytes]], elsewhere: Elsewhere, where: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.unload()
    monkeypatch.setattr(engine.models, "options", replace(engine.models.options, placement=where))
    for name, values in wishes(engine).items():
        with Devices(elsewhere):
            assert pictures(engine, values) == drawn[name], name
    assert elsewhere.there
    engine.unload()
