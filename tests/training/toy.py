"""A task and data for the loop that cost nothing: a small network learns a fixed map, under noise that comes from each sample's own seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from modules.core.training import Learning, Pictures, TrainingRequest, Watching
from modules.training.material import Batch
from modules.training.order import Draw

STEPS = 12


def recipe(**values: Any) -> TrainingRequest:
    """Measured and saved every third step."""
    plain = TrainingRequest(
        name="toy",
        data=Pictures(folder="/nowhere"),
        steps=STEPS,
        batch=4,
        learning=Learning(rate=0.02, clip=0.5, ema=0.9),
        watching=Watching(measure_every=3, save_every=3, sample_every=0),
    )
    return replace(plain, **values)


class Numbers:
    """Endless data of two shapes, each sample decided by its seed."""

    own, prior, fresh = 0, 0, True

    def batches(self, draws: Sequence[Draw], at_once: int) -> list[Batch]:
        rows = [[draw for draw in draws if draw.seed % 2 == kind] for kind in (0, 1)]
        return [self._batch(some[first : first + at_once]) for some in rows for first in range(0, len(some), at_once)]

    def measured(self, at_once: int) -> Iterator[Batch]:
        yield self._batch([Draw(number, number * 2, number, 4) for number in range(4)])

    def _batch(self, draws: Sequence[Draw]) -> Batch:
        width = 4 + draws[0].seed % 2
        x = torch.stack([torch.randn(8, width, generator=torch.Generator().manual_seed(draw.seed)) for draw in draws])
        return Batch(x, ("",) * len(draws), tuple(draws), torch.ones(len(draws)), (8, width))


class Mapping:
    """Learns tanh(2 x) through a hidden layer. broken_at: the number of the call of `losses` that gives not-a-number, 0 for none."""

    def __init__(self, seed: int = 0, broken_at: int = 0) -> None:
        torch.manual_seed(seed)
        self.module = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 8))
        self.calls, self.broken_at = 0, broken_at

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": self.module.parameters(), "rate": 0.02}]

    def losses(self, batch: Batch) -> Tensor:
        self.calls += 1
        prediction, target = self.compare(batch)
        noise = torch.stack([torch.randn(target.shape[1:], generator=torch.Generator().manual_seed(draw.seed + 1)) for draw in batch.draws])
        losses = (prediction - target + 0.1 * noise).square().flatten(1).mean(1)
        return losses * float("nan") if self.calls == self.broken_at else losses

    def compare(self, batch: Batch) -> tuple[Tensor, Tensor]:
        x = batch.x.transpose(1, 2)
        return self.module(x), torch.tanh(2 * x)
