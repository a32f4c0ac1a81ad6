"""Weights that come layer by layer, with the next ones on their way meanwhile. Hooks on every layer that waits; knows modules, no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from modules.memory.ahead import Ahead, Event, Lane
from modules.memory.offload import Weights


class ByLayer:
    """Each layer's weights are here while it runs. ahead: bytes of layers that may be here or on their way because they are next; what is larger alone comes all the same."""

    def __init__(self, weights: Weights, networks: Mapping[str, nn.Module], ahead: int) -> None:
        self.weights = weights
        lane: Lane[Any] = Beside(weights) if weights.device.type == "cuda" else Hinted(weights)
        self._ahead = Ahead(lane, ahead)
        self._hooks: list[Any] = []
        for module in (module for network in networks.values() for module in network.modules()):
            if weights.comes(module):
                self._hooks += [module.register_forward_pre_hook(self._enter), module.register_forward_hook(self._leave, always_call=True)]

    def rest(self) -> None:
        self._ahead.rest()

    def remove(self) -> None:
        self.rest()
        for hook in self._hooks:
            hook.remove()

    def _enter(self, module: nn.Module, given: Any) -> None:
        if not self._ahead.enter(module):
            self.weights.here(module)

    def _leave(self, module: nn.Module, given: Any, made: Any) -> None:
        self.weights.away(module)
        self._ahead.leave(module)
        if made is not None:  # it broke off
            self._ahead.look()


class Beside:
    """On a stream of its own, from pinned memory. torch keeps the bytes of what left until the device is through with it, and uses them again then:
    an event lies behind that place, so whoever waited for it finds them free."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._stream = torch.cuda.Stream(weights.device)

    def size(self, layer: nn.Module) -> int:
        return self._weights.size(layer)

    def fetch(self, layer: nn.Module) -> tuple[list[tuple[Tensor, Tensor]], torch.cuda.Event]:
        with torch.cuda.stream(self._stream):
            return self._weights.fetched(layer), self._stream.record_event()

    def arrive(self, load: tuple[list[tuple[Tensor, Tensor]], torch.cuda.Event]) -> None:
        tensors, there = load
        now = torch.cuda.current_stream(self._weights.device)
        now.wait_event(there)
        for tensor, numbers in tensors:
            numbers.record_stream(now)
            tensor.data = numbers

    def event(self) -> Event:
        return torch.cuda.current_stream(self._weights.device).record_event()


class Hinted:
    """Where no stream is at hand the system is told what will be read next, and a layer comes when it begins."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def size(self, layer: nn.Module) -> int:
        return self._weights.size(layer)

    def fetch(self, layer: nn.Module) -> nn.Module:
        self._weights.soon(layer)
        return layer

    def arrive(self, load: nn.Module) -> None:
        self._weights.here(load)

    def event(self) -> Event:
        return Done()


class Done:
    """The host's own work: it is past it."""

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        """Nothing is to be waited for."""
