"""Weights that come when they are needed and leave afterwards: by layer (with the next ones fetched ahead), or by network.

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
AHEAD = 2**28
"""Bytes that are fetched before they are needed."""
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
        dtype = torch.float32 if id(module) in self._wide else None
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
        return sum(home.nbytes for tensor in _own(module) if (home := self._home(tensor)) is not None)

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

    def _waits(self, tensor: Tensor) -> bool:
        """Not what is small. What was put in place of a weight (a LoRA's) does as that one did, but on a CPU: it is in memory there already."""
        return tensor in self._kept or (not self.waiting.mapped and (tensor.nbytes > SMALL or tensor.device != self.device))

    def _home(self, tensor: Tensor) -> Tensor | None:
        """Where it waits; None for what does not."""
        if tensor not in self._kept and self._waits(tensor):
            with torch.inference_mode(False):
                self._kept[tensor] = self.waiting.keep(tensor.data)
        home: Tensor | None = self._kept.get(tensor)
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


class ByLayer:
    """Each layer's weights are here while it runs. ahead: bytes of the next layers that are fetched meanwhile, in the order learnt from the run before; 0: none."""

    def __init__(self, weights: Weights, networks: Mapping[str, nn.Module], ahead: int = 0) -> None:
        self.weights, self._ahead = weights, ahead
        self._next: dict[int, nn.Module] = {}
        self._last: nn.Module | None = None
        self._coming: dict[int, tuple[list[tuple[Tensor, Tensor]], Any]] = {}
        self._side = torch.cuda.Stream(weights.device) if ahead and weights.device.type == "cuda" else None
        self._hooks: list[Any] = []
        for module in (module for network in networks.values() for module in network.modules()):
            if weights.comes(module):
                self._hooks += [module.register_forward_pre_hook(self._enter), module.register_forward_hook(self._leave, always_call=True)]

    def rest(self) -> None:
        self._coming.clear()
        self._last = None

    def remove(self) -> None:
        self.rest()
        for hook in self._hooks:
            hook.remove()

    def _enter(self, module: nn.Module, given: Any) -> None:
        coming = self._coming.pop(id(module), None)
        if coming is None:
            self.weights.here(module)
        else:
            tensors, event = coming
            now = torch.cuda.current_stream(self.weights.device)
            now.wait_event(event)
            for tensor, numbers in tensors:
                numbers.record_stream(now)
                tensor.data = numbers
        if self._ahead:
            self._learn(module)
            self._look_ahead(module)

    def _leave(self, module: nn.Module, given: Any, made: Any) -> None:
        self.weights.away(module)

    def _learn(self, module: nn.Module) -> None:
        if self._last is not None:
            self._next[id(self._last)] = module
        self._last = module

    def _look_ahead(self, module: nn.Module) -> None:
        room = self._ahead
        following = self._next.get(id(module))
        while following is not None and following is not module and room > 0:
            room -= self.weights.size(following)
            if id(following) not in self._coming:
                self._start(following)
            following = self._next.get(id(following))

    def _start(self, module: nn.Module) -> None:
        if self._side is None:
            self.weights.soon(module)
            return
        with torch.cuda.stream(self._side):
            tensors = self.weights.fetched(module)
            self._coming[id(module)] = tensors, self._side.record_event()


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
