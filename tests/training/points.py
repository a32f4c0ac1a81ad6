"""A small network that learns points from captions that are sometimes wrong, through the very task and loop of a real training; and how often guidance finds what a caption means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from modules.core.training import Learning, Watching
from modules.sampling.guidance import combine, guide
from modules.training import loop
from modules.training.material import Batch
from modules.training.objective import Objective
from modules.training.order import Draw, seed_of
from modules.training.tasks.denoising import Denoising
from tests.training import toy

WORDS = ("north", "east", "south", "west")
PLACES = torch.tensor([[math.cos(turn * math.pi / 2), math.sin(turn * math.pi / 2)] for turn in range(4)])
WRONG = 0.45
"""Share of the captions that were drawn by lot."""
WIDTH = 4
"""Numbers of a caption: so few that an empty one, too, lies among the others, as in a real text encoder's answers."""
LEVELS = torch.cos(torch.linspace(0.02, 1.55, 400)).square()


class Network(nn.Module):
    """Answers the noise in a point, told its level and a caption's numbers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Linear(2 + 8 + WIDTH, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, 2))

    def forward(self, x: Tensor, steps: Tensor, context: Tensor) -> Tensor:
        share = steps.float()[:, None] / len(LEVELS)
        waves = torch.cat([torch.sin(share * math.pi * k) for k in range(1, 5)] + [torch.cos(share * math.pi * k) for k in range(1, 5)], 1)
        return self.layers(torch.cat([x.flatten(1), waves, context.flatten(1)], 1)).view_as(x)


class Words:
    """Each caption as numbers that mean nothing by themselves, the empty one too: what a frozen text encoder gives."""

    vectors: dict[str, Tensor] = {}

    def encode(self, captions: Sequence[str], size: tuple[int, int]) -> tuple[Tensor, dict[str, Tensor]]:
        return torch.stack([torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(seed_of("word", caption))) for caption in captions]), {}


class Points:
    own, prior, fresh = 0, 0, True

    def batches(self, draws: Sequence[Draw], at_once: int) -> list[Batch]:
        return [self._batch(draws)]

    def measured(self, at_once: int) -> Iterator[Batch]:
        yield self._batch([Draw(number, seed_of("held", number), number, 64) for number in range(64)])

    def _batch(self, draws: Sequence[Draw]) -> Batch:
        points, captions = [], []
        for draw in draws:
            dice = torch.Generator().manual_seed(seed_of(draw.seed, "point"))
            place = int(torch.randint(4, (), generator=dice))
            said = int(torch.randint(4, (), generator=dice)) if float(torch.rand((), generator=dice)) < WRONG else place
            points.append((PLACES[place] + 0.1 * torch.randn(2, generator=dice)).view(2, 1, 1))
            captions.append(WORDS[said])
        return Batch(torch.stack(points), tuple(captions), tuple(draws), torch.ones(len(draws)), (8, 8))


def learnt(dropout: float, folder: Path, seed: int = 3) -> Network:
    network = Network(seed)
    family: Any = SimpleNamespace(predict=lambda model, call: network(call.x, call.timesteps, call.context))
    model: Any = SimpleNamespace(device="cpu", dtype=torch.float32)
    rows: list[dict[str, Any]] = [{"params": network.parameters(), "rate": 0.004}]
    words: Any = Words()
    task = Denoising(network, rows, family, model, Objective("eps", LEVELS), words, dropout)
    recipe = replace(
        toy.recipe(), seed=seed, steps=250, batch=64, learning=Learning(rate=0.004), watching=Watching(measure_every=0, sample_every=0, save_every=0)
    )
    loop.run(task, Points(), recipe, loop.Run(folder))
    return network


@torch.no_grad()
def right(network: Network, scale: float, count: int = 200) -> float:
    """Share of the points, drawn for each word by DDIM, that lie nearest to the place that the word means."""
    levels = list(range(len(LEVELS) - 8, -1, -8))
    found = 0
    for number, word in enumerate(WORDS):
        x = torch.randn(count, 2, 1, 1, generator=torch.Generator().manual_seed(number))
        told = [Words().encode([text] * count, (8, 8))[0] for text in (word, "")]
        for level, after in zip(levels, [*levels[1:], None], strict=True):
            kept = LEVELS[level]
            steps = torch.full((count,), level)
            answers = [(x - (1 - kept).sqrt() * network(x, steps, context)) / kept.sqrt() for context in told]
            clean = combine(answers, guide([1.0], scale))
            eps = (x - kept.sqrt() * clean) / (1 - kept).sqrt()
            x = clean if after is None else LEVELS[after].sqrt() * clean + (1 - LEVELS[after]).sqrt() * eps
        found += int((torch.cdist(x.flatten(1), PLACES).argmin(1) == number).sum())
    return found / (4 * count)
