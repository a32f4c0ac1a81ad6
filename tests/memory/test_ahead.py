"""Layers that come before they are needed: in their order, and never more of them than was allowed. The device is a counter: it does what it is given when the
test, or a host that waits, lets it."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from modules.memory.ahead import Ahead


class Load:
    def __init__(self, number: int, size: int) -> None:
        self.number, self.size = number, size


class Device:
    """A lane, and what it leads to. given: how many works the host has given it; done: how many it has done."""

    def __init__(self, sizes: list[int]) -> None:
        self.layers = [nn.Module() for _ in sizes]
        self.sizes = {id(layer): (number, size) for number, (layer, size) in enumerate(zip(self.layers, sizes, strict=True))}
        self.given = self.done = self.waited = 0
        self.fetched: list[int] = []
        self.coming: weakref.WeakSet[Load] = weakref.WeakSet()
        self.at_work: list[Load] = []
        self.left: list[tuple[int, int]] = []

    def size(self, layer: nn.Module) -> int:
        return self.sizes[id(layer)][1]

    def fetch(self, layer: nn.Module) -> Load:
        load = Load(*self.sizes[id(layer)])
        self.coming.add(load)
        self.fetched.append(load.number)
        return load

    def arrive(self, load: Load) -> None:
        self.coming.discard(load)
        self.at_work.append(load)

    def event(self) -> Any:
        self.left.append((self.given, self.at_work.pop().size))
        return Reached(self, self.given)

    @property
    def bytes(self) -> int:
        """Of layers that came by the lane and that the device may still read."""
        return sum(load.size for load in (*self.at_work, *self.coming)) + sum(size for place, size in self.left if place > self.done)


class Reached:
    def __init__(self, device: Device, place: int) -> None:
        self.device, self.place = device, place

    def query(self) -> bool:
        return self.device.done >= self.place

    def synchronize(self) -> None:
        assert self.device.done < self.place, "it was past that"
        assert self.place < self.device.given, "a device that has nothing else to do stands still while the host waits"
        self.device.done = self.place
        self.device.waited += 1


def ran(ahead: Ahead[Load], device: Device, order: list[int], limit: int, lag: int) -> list[int]:
    """-> which layers came ahead. lag: works that the host may be ahead of the device, where nothing else holds it back."""
    came = []
    for number in order:
        layer = device.layers[number]
        if ahead.enter(layer):
            assert [load.number for load in device.at_work] == [number]
            came.append(number)
        assert device.bytes <= limit
        device.given += 1
        ahead.leave(layer)
        ahead.look()
        assert device.bytes <= limit
        device.done = max(device.done, device.given - lag)
    return came


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_more_is_held_than_allowed_and_what_has_room_comes(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 10), min_size=2, max_size=12))
    limit = data.draw(st.integers(1, 40))
    device = Device(sizes)
    ahead: Ahead[Load] = Ahead(device, limit)
    for _ in range(data.draw(st.integers(1, 3))):
        order = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=20))
        ran(ahead, device, order, limit, data.draw(st.integers(0, 30)))
        if data.draw(st.booleans()):
            ahead.rest()
            assert not device.coming
    whole = list(range(len(sizes)))
    for _ in range(2):
        ran(ahead, device, whole, limit, 30)
    came = ran(ahead, device, whole, limit, data.draw(st.integers(0, 30)))
    if limit >= 2 * max(sizes):
        assert came == whole
    assert all(sizes[number] <= limit for number in came)


@pytest.mark.parametrize("limit", [2, 5, 10])
def test_as_many_come_as_fit_in_the_order_of_their_turns(limit: int) -> None:
    device = Device([1] * 20)
    ahead: Ahead[Load] = Ahead(device, limit)
    ran(ahead, device, list(range(20)), limit, 1)
    assert device.fetched == []
    ahead.rest()
    ran(ahead, device, [0], limit, 1)
    assert device.fetched == list(range(1, 1 + limit))
    ran(ahead, device, list(range(1, 20)), limit, 1)
    assert device.fetched == list(range(1, 20))


def test_a_host_that_runs_ahead_waits_for_the_oldest_and_no_longer_than_it_must() -> None:
    device = Device([1] * 20)
    ahead: Ahead[Load] = Ahead(device, 4)
    for _ in range(3):
        ran(ahead, device, list(range(20)), 4, 100)
    assert device.waited and device.given - device.done <= 4


def test_what_was_expected_in_vain_makes_room() -> None:
    device = Device([1] * 6)
    ahead: Ahead[Load] = Ahead(device, 2)
    ran(ahead, device, [0, 1, 2, 3], 2, 0)
    ran(ahead, device, [0], 2, 0)
    assert {load.number for load in device.coming} == {1, 2}
    assert ran(ahead, device, [4, 5], 2, 0) == [] and not device.coming
    ran(ahead, device, [4], 2, 0)
    assert {load.number for load in device.coming} == {5, 4}, "and then what came last time"


def test_layers_within_a_layer_come_while_it_is_at_work() -> None:
    """What has weights of its own and layers within it begins first and ends last."""
    device = Device([4, 1, 1])
    ahead: Ahead[Load] = Ahead(device, 6)
    outer, *inner = device.layers
    for number in range(3):
        came = [ahead.enter(outer)]
        for layer in inner:
            came.append(ahead.enter(layer))
            device.given += 1
            ahead.leave(layer)
            ahead.look()
            assert device.bytes <= 6
            device.done = device.given - 1
        device.given += 1
        ahead.leave(outer)
        ahead.look()
        assert device.bytes <= 6
        assert came == [[False, False, False], [True, True, True]][number > 0] or number == 1
