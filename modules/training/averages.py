"""EMA of the weights that are trained: steadier than the last step's (Karras et al. 2024 on why). In float32, wherever the weights are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Averages:
    """decay: of a late step; early ones forget faster. 0: there are none, and everything here does nothing."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        self.kept: dict[str, Tensor] = {name: weight.detach().float().clone() for name, weight in trained(module)} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After step 0, 1, ..."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, weight in trained(self.module) if self.decay else ():
            self.kept[name].lerp_(weight.detach().float(), 1 - decay)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """Inside, the module has the averages for weights; afterwards its own, to the bit."""
        if not self.decay:
            yield
            return
        own = {name: weight.detach().clone() for name, weight in trained(self.module)}
        self._put(self.kept)
        try:
            yield
        finally:
            self._put(own)

    def settle(self) -> None:
        """The module has the averages for good."""
        if self.decay:
            self._put(self.kept)

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, weight in trained(self.module):
            weight.copy_(weights[name])


def trained(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad]
