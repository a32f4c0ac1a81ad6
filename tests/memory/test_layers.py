"""Weights that come layer by layer: hints on a CPU, a stream of its own on a GPU."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor, nn

from modules.memory import offload
from modules.memory.layers import ByLayer
from modules.memory.offload import Weights
from modules.memory.waiting import InMemory
from tests.networks import tiny

CPU = torch.device("cpu")
LIMIT = 2**16


class Told(InMemory):
    """Keeps what it is told: (whether it is read now, or soon; where it lies; its bytes)."""

    def __init__(self) -> None:
        super().__init__(False)
        self.told: list[tuple[bool, int, int]] = []

    def soon(self, kept: Tensor) -> None:
        self.told.append((False, kept.data_ptr(), kept.nbytes))

    def read(self, kept: Tensor) -> None:
        self.told.append((True, kept.data_ptr(), kept.nbytes))


def test_the_next_layers_are_told_in_their_order_and_no_more_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "SMALL", 2**10)  # this network is small
    unet = tiny.parts()[0].eval()
    given = torch.linspace(-1, 1, 256).reshape(1, 4, 8, 8), torch.tensor([500]), torch.ones(1, 77, tiny.WIDTH)
    with torch.inference_mode():
        wanted = unet(*given).sample
        weights = Weights(CPU, waiting := Told())
        weights.settle(unet)
        standing = ByLayer(weights, {"unet": unet}, LIMIT)
        for run in range(3):
            waiting.told.clear()
            assert torch.equal(unet(*given).sample, wanted)
            assert any(not now for now, _, _ in waiting.told) == (run > 0), "what comes next is learnt first"
    soon: dict[int, int] = {}
    hinted = 0
    for now, place, size in waiting.told:
        if not now:
            soon[place] = size
            assert sum(soon.values()) <= LIMIT
        elif place in soon:
            assert place == next(iter(soon)), "first told, first read"
            del soon[place]
            hinted += 1
    assert hinted > 0.9 * sum(now for now, _, size in waiting.told if size <= LIMIT // 2)
    standing.remove()


def test_widened_weights_count_as_what_they_will_be() -> None:
    layer = nn.Linear(256, 256).half()
    weights = Weights(CPU, InMemory(False))
    weights.settle(layer)
    assert weights.size(layer) == layer.weight.nbytes
    with weights.widened(layer):
        ((_, numbers),) = weights.fetched(layer)
        assert weights.size(layer) == numbers.nbytes == 2 * layer.weight.nbytes


@pytest.mark.skipif(torch.cuda.is_available(), reason="pinning works here")
def test_memory_that_cannot_be_pinned_is_plain_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    waiting = InMemory(pinned=True)
    tensor = torch.arange(5.0)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(waiting.keep(tensor), tensor) and torch.equal(waiting.keep(tensor + 1), tensor + 1)
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "pinned" in caplog.text


@pytest.mark.gpu
@pytest.mark.parametrize("layers", [4, 32])
def test_a_gpu_holds_no_more_than_was_allowed_however_far_the_host_is_ahead(layers: int) -> None:
    gpu, side = torch.device("cuda:0"), 2048
    network = nn.Sequential(*(nn.Linear(side, side, bias=False) for _ in range(layers)))
    layer = side * side * 4
    x = torch.randn(4096, side, device=gpu)  # enough work that the host is far ahead
    with torch.inference_mode():
        wanted = network.to(gpu)(x)
        network.to("cpu")
        weights = Weights(gpu, InMemory(True))
        weights.settle(network)
        standing = ByLayer(weights, {"network": network}, 4 * layer)
        for _ in range(3):
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_stats()["active_bytes.all.current"]
            assert torch.equal(network(x), wanted)
            assert torch.cuda.memory_stats()["active_bytes.all.peak"] - before <= 5 * layer + 4 * x.nbytes
        standing.remove()
