"""Which sample is seen at which place of which step, and from which seed all of its chances come. A pure function of the training's seed.

So a run that is gone on with needs no state of any generator, and several processes that share a step see between them what one alone would see.
No torch.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class Draw(NamedTuple):
    """One sample. entry: place in the data; of endless data the number of the sample. seed: of its noise, its timestep, its crop. place, of: in the step.
    prior: one of the pictures of other things."""

    entry: int
    seed: int
    place: int
    of: int
    prior: bool = False


class Order:
    """own: how many samples there are, 0 for endless data; prior: likewise, of other things, which take `share` of all samples. Where that is no whole number
    of each step, some steps have one more of them than others, and a step of a single sample has nothing else now and then."""

    def __init__(self, seed: int, own: int, prior: int = 0, share: float = 0.0) -> None:
        self.seed, self.own, self.prior = seed, own, prior
        self.share = Fraction(repr(float(share))) if prior else Fraction(0)
        self._known: dict[tuple[int, bool], np.ndarray] = {}

    def step(self, step: int, size: int) -> list[Draw]:
        """The samples of step 0, 1, ..., `size` of them: each is seen once before any is seen again."""
        rows: list[tuple[int, bool]] = []
        for prior, before, after in zip((False, True), self.before(step, size), self.before(step + 1, size), strict=True):
            rows += [(self._entry(number, prior), prior) for number in range(before, after)]
        places = np.random.default_rng([self.seed % 2**63, step, 1]).permutation(size)  # which sample gets which part of the timesteps
        return [Draw(entry, seed_of(self.seed, step, number), int(places[number]), size, prior) for number, (entry, prior) in enumerate(rows)]

    def before(self, step: int, size: int) -> tuple[int, int]:
        """How many samples the steps before this one have: own ones, and other things."""
        others = int(step * size * self.share)
        return step * size - others, others

    def _entry(self, number: int, prior: bool) -> int:
        count = self.prior if prior else self.own
        if not count:
            return number
        epoch, place = divmod(number, count)
        key = epoch, prior
        if key not in self._known:
            self._known = {old: kept for old, kept in self._known.items() if old[0] >= epoch - 1}
            self._known[key] = np.random.default_rng([self.seed % 2**63, epoch, 2 + prior]).permutation(count)
        return int(self._known[key][place])


def seed_of(*words: object) -> int:
    """63 bits that depend on all of the words."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, words)).encode()).digest()[:8], "big") >> 1
