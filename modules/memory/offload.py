"""Weights that come when they are needed and leave afterwards; and the hooks that have them do so network by network. `layers` has those that do layer by layer.

Hooks stand on modules and swap what a parameter's `data` is, so a parameter stays the same object, whatever else holds it; one that was put in its place
meanwhile (a LoRA's) is moved as well. The same code runs where a GPU computes and weights wait in memory, and where the CPU does and they wait on the disk.
Knows modules, no model. Numbers never change on the way, so no picture does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from modules.memory.waiting import Waiting

SMALL = 2**14
"""Bytes of a tensor that is not worth a way of its own (norms, biases): it stays where the work is."""
MARK = "_hf_hook"
"""Where diffusers looks for the device of a network whose weights lie elsewhere."""


class Weights:
    """The weights of networks that wait. device: where they are needed."""

    def __init__(self, device: torch.device, waiting: Waiting) -> None:
        self.device, self.waiting = device, waiting
        self._kept: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._wide: set[int] = set()

    def settle(self, network: nn.Module) -> None:
        """All of it waits from now on; what is small lies on the device. Raises OutputTrouble."""
        for module in network.modules():
            for tensor in _own(module):
                if tensor.nbytes <= SMALL:
                    tensor.data = tensor.data.to(self.device)
                elif tensor not in self._kept:
                    self._kept[tensor] = self.waiting.keep(tensor.data)
                    tensor.data = self._kept[tensor]

    def release(self, network: nn.Module) -> None:
        """All of it lies on the device from now on, as if it had never waited."""
        for module in network.modules():
            for tensor in _own(module):
                home = self._kept.pop(tensor, None)
                tensor.data = (tensor.data if home is None else self._copy(home, None)).to(self.device)

    def comes(self, module: nn.Module) -> bool:
        """Whether its own weights are fetched. Of a table of words a few rows are read: those a CPU reads where they wait."""
        return not (self.waiting.mapped and isinstance(module, nn.Embedding)) and any(map(self._waits, _own(module)))

    def fetched(self, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """(a tensor of its own, its numbers on the device), of those that lie elsewhere."""
        dtype = self._dtype(module)
        return [(tensor, self._copy(home, dtype)) for tensor in _own(module) if (home := self._home(tensor)) is not None]

    def here(self, module: nn.Module) -> None:
        for tensor, numbers in self.fetched(module):
            tensor.data = numbers

    def away(self, module: nn.Module) -> None:
        for tensor in _own(module):
            home = self._home(tensor)
            if home is not None:
                tensor.data = home

    def soon(self, module: nn.Module) -> None:
        for tensor in _own(module):
            if (home := self._home(tensor)) is not None:
                self.waiting.soon(home)

    def size(self, module: nn.Module) -> int:
        """Bytes that come when it is fetched."""
        dtype = self._dtype(module)
        return sum(home.numel() * (dtype or home.dtype).itemsize for tensor in _own(module) if (home := self._home(tensor)) is not None)

    @contextmanager
    def widened(self, network: nn.Module) -> Iterator[None]:
        """Its weights arrive in fp32. None of them may be there when this begins and when it ends: see `Standing.rest`."""
        modules = list(network.modules())
        small = [(tensor, tensor.data) for module in modules for tensor in _own(module) if not self._waits(tensor) and tensor.is_floating_point()]
        try:
            self._wide |= {id(module) for module in modules}
            for tensor, numbers in small:
                tensor.data = numbers.float()
            yield
        finally:
            self._wide -= {id(module) for module in modules}
            for tensor, numbers in small:
                tensor.data = numbers

    def _dtype(self, module: nn.Module) -> torch.dtype | None:
        """In which its weights arrive; None: as they wait."""
        return torch.float32 if id(module) in self._wide else None

    def _waits(self, tensor: Tensor) -> bool:
        """Not what is small. What was put in place of a weight (a LoRA's) does as that one did, but on a CPU: it is in memory there already."""
        return tensor in self._kept or (not self.waiting.mapped and (tensor.nbytes > SMALL or tensor.device != self.device))

    def _home(self, tensor: Tensor) -> Tensor | None:
        """Where it waits; None for what does not."""
        home: Tensor | None = self._kept.get(tensor)
        if home is None and self._waits(tensor):
            with torch.inference_mode(False):
                home = self._kept[tensor] = self.waiting.keep(tensor.data)
        return home

    def _copy(self, home: Tensor, dtype: torch.dtype | None) -> Tensor:
        with torch.inference_mode(False), torch.no_grad():  # tensors made inside of inference mode could never be adapted or trained later
            moved = home.to(self.device, dtype or home.dtype, non_blocking=True)
            if moved is home:
                moved = home.clone()
                self.waiting.read(home)
            return moved


class Standing(Protocol):
    """Hooks that stand on networks. weights: what they move."""

    @property
    def weights(self) -> Weights: ...

    def rest(self) -> None:
        """Nothing that was fetched stays."""

    def remove(self) -> None:
        """As `rest`, and nothing is fetched any more."""


class ByNetwork:
    """Of networks that take turns one is here: it comes when it is called, and the one before leaves. others: those that stay; calling one of them ends a turn, too."""

    def __init__(self, weights: Weights, turns: Mapping[str, nn.Module], others: Mapping[str, nn.Module]) -> None:
        self.weights, self._turns = weights, turns
        self._here = ""
        self._hooks = []
        for name, network in {**turns, **others}.items():
            for module in (network, *network.children()):  # an autoencoder is called by its parts

                def enter(module: nn.Module, given: Any, name: str = name) -> None:
                    self._enter(name)

                self._hooks.append(module.register_forward_pre_hook(enter))

    def rest(self) -> None:
        self._enter("")

    def remove(self) -> None:
        self.rest()
        for hook in self._hooks:
            hook.remove()

    def _enter(self, name: str) -> None:
        if name == self._here:
            return
        for module in self._of(self._here):
            self.weights.away(module)
        self._here = name
        for module in self._of(name):
            self.weights.here(module)

    def _of(self, name: str) -> Iterator[nn.Module]:
        network = self._turns.get(name)
        return (module for module in network.modules() if self.weights.comes(module)) if network is not None else iter(())


class Mark:
    """Tells diffusers where a network computes whose weights lie elsewhere. Does nothing."""

    def __init__(self, device: torch.device) -> None:
        self.execution_device = device


def _own(module: nn.Module) -> list[Tensor]:
    return [tensor for tensor in (*module._parameters.values(), *module._buffers.values()) if tensor is not None]
