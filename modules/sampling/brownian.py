"""A Brownian path that can be asked for any increment, in any order, and is always the same path for the same seed.

A virtual Brownian tree (Li et al. 2020, "Scalable gradients for SDEs", appendix E): the path's end is drawn, then midpoints of halves of halves, each
from a seed of its own, down to the asked points. Draw for draw and bit for bit the tree of torchsde 0.2.6's BrownianTree with its defaults, so that
pictures agree with A1111's; written out here because the noise must come from the request's source (NV included), which torchsde cannot be told.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

DIGITS = 6
"""Times are rounded to so many decimals; two of them nearer than that are one."""
POOL = 24
KEPT = 48
"""Increments held in memory: enough for the way from the root to two neighbouring points."""

Draw = Callable[[int], Tensor]
"""seed -> a standard normal tensor, the same for the same seed."""


@dataclass(frozen=True)
class Span:
    """A node: the interval from start to end. place: 0 for the root, 2p or 2p+1 for the left or right half of node p. depth: halvings."""

    start: float
    end: float
    place: int = 0
    depth: int = 0

    @property
    def middle(self) -> float:
        return round(0.5 * (self.end + self.start), DIGITS)


class BrownianPath:
    """A path over [start, end], one value per element of what `draw` returns."""

    def __init__(self, seed: int, start: float, end: float, draw: Draw) -> None:
        self._seed, self._draw = seed % 2**64, draw
        self._root = Span(round(start, DIGITS), round(end, DIGITS))
        state = np.random.SeedSequence(self._seed, pool_size=POOL).generate_state(3)
        self._whole = draw(int(state[0])) * math.sqrt(end - start)
        self._kept: OrderedDict[Span, Tensor] = OrderedDict()

    def increment(self, earlier: float, later: float) -> Tensor:
        """W(later) - W(earlier): normal with variance later - earlier. Times outside the path are clamped to its ends."""
        first, last = (min(max(round(time, DIGITS), self._root.start), self._root.end) for time in (earlier, later))
        if first >= last:
            return self._whole * 0
        pieces = self._cover(first, last)
        total = self._of(pieces[0])
        for trail in pieces[1:]:
            total = total + self._of(trail)
        return total

    def _cover(self, first: float, last: float) -> list[tuple[Span, ...]]:
        """The fewest nodes that make up [first, last], from left to right, each as the trail from the root to it."""
        found: list[tuple[Span, ...]] = []
        waiting: list[tuple[Span, ...]] = [(self._root,)]
        while waiting:
            trail = waiting.pop()
            span = trail[-1]
            if first <= span.start and span.end <= last:
                found.append(trail)
                continue
            middle = span.middle
            if last > middle:
                waiting.append((*trail, Span(middle, span.end, 2 * span.place + 1, span.depth + 1)))
            if first < middle:
                waiting.append((*trail, Span(span.start, middle, 2 * span.place, span.depth + 1)))
        return found

    def _of(self, trail: tuple[Span, ...]) -> Tensor:
        """The increment over the last node of a trail: a Brownian bridge between the ends of the node above it."""
        known = next((index for index in range(len(trail) - 1, 0, -1) if trail[index] in self._kept), 0)
        value = self._kept[trail[known]] if known else self._whole
        for above, span in zip(trail[known:], trail[known + 1 :], strict=False):
            value = self._half(above, span, value)
            self._kept[span] = value
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return value

    def _half(self, above: Span, span: Span, whole: Tensor) -> Tensor:
        seeds = np.random.SeedSequence(self._seed, spawn_key=(above.place, above.depth), pool_size=POOL)
        reciprocal, before, after = 1 / (above.end - above.start), above.middle - above.start, above.end - above.middle
        left = before * whole * reciprocal + math.sqrt(before * after * reciprocal) * self._draw(int(seeds.generate_state(4)[0]))
        return left if span.start == above.start else whole - left
