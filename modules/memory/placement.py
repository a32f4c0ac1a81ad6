"""What of a model lies where it computes, and when: the one place that decides it. A placement is a value, and may change while a model is loaded.

resident  everything is there
encoders  text encoders come when there is a text to read, and leave
medvram   one network at a time
group     one layer at a time, the next ones fetched ahead
lowvram   the same, with as little as possible fetched ahead

What is not there waits: beside a GPU in the machine's memory, and where the CPU computes in a file on the disk. Pictures are the same.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from modules.core.errors import OutputTrouble
from modules.core.options import DeviceOptions, Placement
from modules.memory import attention
from modules.memory.budget import AHEAD, ENCODERS, chosen
from modules.memory.device import Machine
from modules.memory.layers import ByLayer
from modules.memory.offload import MARK, ByNetwork, Mark, Standing, Weights
from modules.memory.waiting import InMemory, OnDisk

BY_LAYER: tuple[Placement, ...] = ("group", "lowvram")
STANDING = "_hooks_stand"


class Placed:
    """Networks, and where they lie. where: a placement, never "auto". held: whether they stay there, whatever is asked. sizes: bytes of each, as it came.
    Keep it as long as the networks."""

    def __init__(self, networks: Mapping[str, nn.Module], machine: Machine, folder: Path) -> None:
        """networks: by the names of their parts, on the CPU. folder: for what waits on the disk."""
        self.networks = networks
        self.sizes = {name: size_of(network) for name, network in networks.items()}
        self.where: Placement = "auto"
        self.held = False
        self._device = torch.empty(0, device=machine.device).device
        self._folder = folder
        self._weights: Weights | None = None
        self._standing: Standing | None = None

    def move(self, to: Placement) -> None:
        """Takes the hooks off and puts the networks elsewhere. to: never "auto". Nothing happens while they are held.
        Raises OutputTrouble where the disk has no room; everything is resident then."""
        if to == self.where or self.held:
            return
        self._stop()
        with torch.inference_mode(False):  # weights moved inside it could never be adapted or trained later
            try:
                waits = self._put(to)
            except OutputTrouble:
                self._put("resident")
                self.where = "resident"
                raise
        self.where = to
        if self._weights is None:
            return
        if to in BY_LAYER:
            self._standing = ByLayer(self._weights, waits, AHEAD[to])
        else:
            self._standing = ByNetwork(self._weights, waits, {name: network for name, network in self.networks.items() if name not in waits})
        for network in waits.values():
            network.__dict__[STANDING] = self._standing
            network.__dict__[MARK] = Mark(self._device)

    @contextmanager
    def resident(self) -> Iterator[None]:
        """Inside, everything lies on the device and stays there; afterwards it lies as before. What learns must not come and go: a layer is needed again on the
        way back, and what waits is read anew from where it was put first. Raises what torch raises where memory is short."""
        where = self.where
        self.move("resident")
        self.held = True
        try:
            yield
        finally:
            self.held = False
            with suppress(OutputTrouble):  # no room where it would wait: it stays, then
                self.move(where)

    def absent(self) -> int:
        """Bytes of networks that wait, which would come to the device if all were resident."""
        return sum(size_of(network) for network in self.networks.values() if STANDING in network.__dict__)

    def rest(self) -> None:
        """Between two takes: nothing stays that need not."""
        if self._standing is not None:
            self._standing.rest()

    def _stop(self) -> None:
        if self._standing is not None:
            self._standing.remove()
            self._standing = None
        for network in self.networks.values():
            network.__dict__.pop(MARK, None)
            network.__dict__.pop(STANDING, None)

    def _put(self, to: Placement) -> dict[str, nn.Module]:
        """-> the networks that wait; the others lie on the device. Raises OutputTrouble."""
        waits = {name: network for name, network in self.networks.items() if to != "resident" and (to != "encoders" or name.startswith(ENCODERS))}
        if waits and self._weights is None:
            self._weights = Weights(self._device, OnDisk(self._folder) if self._device.type == "cpu" else InMemory(self._device.type == "cuda"))
        for name, network in self.networks.items():
            if name in waits and self._weights is not None:
                self._weights.settle(network)
            elif self._weights is not None:
                self._weights.release(network)
            else:
                network.to(self._device)
        if not waits:
            self._weights = None
        return waits


def place(parts: Mapping[str, Any], options: DeviceOptions, machine: Machine, folder: Path) -> Placed:
    """Puts the networks where the options say, once after loading. folder: for what waits on the disk. Raises OutputTrouble."""
    networks = {name: part for name, part in parts.items() if isinstance(part, nn.Module)}
    for network in networks.values():
        attention.put_under(network, options.attention)
        if options.channels_last:
            _channels_last(network)
    placed = Placed(networks, machine, folder)
    placed.move(chosen(options.placement, placed.sizes, machine.free() + (sum(placed.sizes.values()) if machine.device == "cpu" else 0)))
    return placed


def size_of(network: nn.Module) -> int:
    """Bytes of its numbers, scales of those in few bits included; what it has under two names counts once."""
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in (*network.parameters(), *network.buffers())}.values())


def _channels_last(network: nn.Module) -> None:
    """Pictures run through a network in the order of its convolutions' weights. Linear layers have no order."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.dim() == 4:  # else it holds codes
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


def place_alone(network: nn.Module, options: DeviceOptions, machine: Machine, folder: Path) -> Placed:
    """Puts a network that belongs to no model where the options say, once after loading: it is one of those that are large only where layers move."""
    attention.put_under(network, options.attention)
    placed = Placed({"alone": network}, machine, folder)
    placed.move("lowvram" if options.placement in ("medvram", *BY_LAYER) else "resident")
    return placed


@contextmanager
def in_full(network: nn.Module) -> Iterator[None]:
    """The network in fp32, and afterwards as it was: half the digits widened and cut again are the same."""
    standing: Standing | None = network.__dict__.get(STANDING)
    kept = next(network.parameters()).dtype
    with torch.inference_mode(False):  # as in `move`
        if standing is None:
            _in(torch.float32, network, kept)
        else:
            standing.rest()  # what is there, or on its way, has half the digits
            widening = standing.weights.widened(network)
            widening.__enter__()
    try:
        yield
    finally:
        with torch.inference_mode(False):
            if standing is None:
                network.to(kept)
            else:
                standing.rest()
                widening.__exit__(None, None, None)


def _in(dtype: torch.dtype, network: nn.Module, kept: torch.dtype) -> None:
    """All of it, or none of it where memory is short."""
    try:
        network.to(dtype)
    except BaseException:
        network.to(kept)
        raise


def rest(placed: Placed) -> None:
    """Between two takes: what stayed on the device without need goes back."""
    placed.rest()


def emptied(machine: Machine) -> None:
    """Gives cached blocks back to the driver, after a model was dropped. Hooks make circles of references, which only the collector ends."""
    gc.collect()
    kind = machine.device.split(":")[0]
    if kind in ("cuda", "xpu", "mps"):
        getattr(torch, kind).empty_cache()
