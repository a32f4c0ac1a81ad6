"""The noise of an NVIDIA card, computed anywhere: Philox 4x32-10 and Box-Muller as CUDA's torch.randn has them.

Sources: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox); cuRAND's mapping of integers to (0, 1] and to normals.
Holds for tensors of up to the card's number of threads (about 10^5 values), as every latent of one picture is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
WEYL = np.array([0x9E3779B9, 0xBB67AE85], dtype=np.uint32)
ROUNDS = 10
TURN = float(np.float32(2 * math.pi * 2.0**-32))
"""Radians per unit of a 32-bit word, rounded as cuRAND's constant is."""


def philox(counter: NDArray[np.uint32], key: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Ten rounds over counters [4, n] with a key [2]; returns [4, n] random words."""
    c = counter.copy()
    k = key.copy()
    for index in range(ROUNDS):
        if index:
            k = k + WEYL  # wraps at 2^32
        product = c[[0, 2]].astype(np.uint64) * MULTIPLIERS[:, None]
        high, low = (product >> np.uint64(32)).astype(np.uint32), product.astype(np.uint32)
        c = np.stack([high[1] ^ c[1] ^ k[0], low[1], high[0] ^ c[3] ^ k[1], low[0]])
    return c


class Philox:
    """A stream of normals like torch.Generator("cuda").manual_seed(seed): each draw moves the counter on by one."""

    def __init__(self, seed: int) -> None:
        seed %= 2**64
        self._key = np.array([seed & 0xFFFFFFFF, seed >> 32], dtype=np.uint32)
        self._offset = 0

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The next draw, standard normal, float32."""
        count = math.prod(shape)
        counter = np.zeros((4, count), dtype=np.uint32)
        counter[0] = self._offset
        counter[2] = np.arange(count, dtype=np.uint32)
        self._offset += 1
        words = philox(counter, self._key)[:2].astype(np.float64)
        uniform, angle = (words[0] + 0.5) * 2.0**-32, (words[1] + 0.5) * TURN
        # In float64, so that the last bits of a machine's own logarithm and sine do not show in the result.
        return (np.sqrt(-2 * np.log(uniform)) * np.sin(angle)).astype(np.float32).reshape(shape)
