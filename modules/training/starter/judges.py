"""A small network that tells what a picture of a scene shows: which thing, on which ground, where, how many, how large, in which style. It learns from rendered scenes alone.

It judges pictures of models, so it is taught with softened, noisy and off-colour renders too, and may say that it sees no thing at all. A convolutional network
with batch norm (Ioffe & Szegedy 2015) and one head for each question; how often it is right on renders that it never saw is measured with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from modules.training.order import seed_of
from modules.training.starter.data import pixels
from modules.training.starter.drawing import Drawing
from modules.training.starter.scenes import COLOURS, LANDSCAPES, PLACES, STYLES, Scene, scene

SIDE = 64
"""Pixels that it looks at."""
SILENT = -100
"""In place of an answer: the question makes no sense for this picture."""
NOTHING = "nothing"
Answers = Mapping[str, str]
HALVES = {"left": (0.255, 0.5), "right": (0.745, 0.5), "above": (0.5, 0.255), "below": (0.5, 0.745)}
"""Where the middle of each of two things is."""
HALF = 0.5
"""Side of the square around it that is looked at."""


class Seen(NamedTuple):
    """A picture [H, W, 3] uint8 and what is right about it."""

    picture: np.ndarray
    answers: Answers


def questions(names: Sequence[str]) -> dict[str, list[str]]:
    """Each question with the answers that may be given."""
    return {
        "thing": [*names, NOTHING], "ground": [*COLOURS, *LANDSCAPES, "gradient"], "place": ["middle", *PLACES],
        "count": ["1", "2", "3"], "size": ["small", "normal", "large"], "style": ["plain", *STYLES],
    }  # fmt: skip


def answers(scene: Scene) -> dict[str, str]:
    """What is right about a scene; nothing of what the whole picture does not tell."""
    found = {"style": scene.style or "plain"}
    if scene.style != "pencil sketch":
        found["ground"] = "gradient" if scene.ground.kind == "gradient" else scene.ground.name
    if not scene.things:
        return {**found, "thing": NOTHING}
    if not scene.relation:
        found |= {"count": str(scene.count), "thing": scene.things[0].name}
        if scene.count == 1:
            found["place"] = scene.place or "middle"
            if not scene.place:
                found["size"] = scene.size or "normal"
    return found


def half(picture: np.ndarray, where: str) -> np.ndarray:
    """The square in which one of two things is."""
    side = len(picture)
    x, y = HALVES[where]
    left, top = (int(np.clip((middle - HALF / 2) * side, 0, side * (1 - HALF))) for middle in (x, y))
    return picture[top : top + int(HALF * side), left : left + int(HALF * side)]


def sides(relation: str) -> tuple[str, str]:
    """Where the first and where the second of two things is."""
    return {"left": ("left", "right"), "right": ("right", "left"), "above": ("above", "below"), "below": ("below", "above"), "and": ("left", "right")}[relation]


class Net(nn.Module):
    """heads: answers of each question."""

    def __init__(self, heads: Mapping[str, int], width: int = 24) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for number in range(5):
            after = width * 2 ** min(number, 3)
            layers += [nn.Conv2d(before, after, 3, 2 if number else 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            before = after
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1), nn.Linear(before * (SIDE // 16) ** 2, 256), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(256, count) for name, count in heads.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """x: [B, 3, SIDE, SIDE]."""
        seen = self.trunk(x)
        return {name: head(seen) for name, head in self.heads.items()}


@dataclass
class Judge:
    """A net that has learnt, and what its answers mean."""

    net: Net
    known: dict[str, list[str]]

    @torch.no_grad()
    def answers(self, pictures: Sequence[np.ndarray]) -> list[dict[str, str]]:
        """Of pictures [H, W, 3] uint8, each of its own size."""
        self.net.eval()
        out: list[dict[str, str]] = []
        for first in range(0, len(pictures), 64):
            found = self.net(torch.cat([looked_at(picture) for picture in pictures[first : first + 64]]))
            best = {name: scores.argmax(1).tolist() for name, scores in found.items()}
            out += [{name: self.known[name][rows[row]] for name, rows in best.items()} for row in range(len(next(iter(best.values()))))]
        return out

    def right(self, seen: Sequence[Seen]) -> dict[str, tuple[int, int]]:
        """Question -> (right answers, questions that could be asked)."""
        counts: dict[str, tuple[int, int]] = {}
        for one, said in zip(seen, self.answers([one.picture for one in seen]), strict=True):
            for name, answer in one.answers.items():
                right, asked = counts.get(name, (0, 0))
                counts[name] = right + (said[name] == answer), asked + 1
        return counts


def looked_at(picture: np.ndarray) -> Tensor:
    """-> [1, 3, SIDE, SIDE] in -1..1."""
    return functional.interpolate(pixels(np.ascontiguousarray(picture)[None]), (SIDE, SIDE), mode="area")


def rendered(drawing: Drawing, names: Sequence[str], number: int, seed: int) -> list[Seen]:
    """A scene of this number as the judge learns it; of one with two things both halves as well."""
    made = scene(names, seed_of("judge", seed, number), everything=True)
    if number % 16 == 0:
        made = replace(made, things=(), relation="", place="")
    picture = drawing.draw(made)
    found = [Seen(picture, answers(made))]
    if made.relation:
        found += [Seen(half(picture, where), {"thing": thing.name}) for where, thing in zip(sides(made.relation), made.things, strict=True)]
    return found


def taught(drawing: Drawing, names: Sequence[str], samples: int, seed: int = 1, batch: int = 64, width: int = 24) -> Judge:
    """A judge of these things, after so many pictures. width: of its net."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = judge_of(names, width)
        net, known = judge.net, judge.known
        steps = max(1, samples // batch)
        optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
        rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps, pct_start=min(0.2, max(0.05, 2 / steps)))
        net.train()
        number = 0
        waiting: list[Seen] = []
        for _ in range(steps):
            while len(waiting) < batch:
                waiting += rendered(drawing, names, number, seed)
                number += 1
            some, waiting = waiting[:batch], waiting[batch:]
            loss = _loss(net(_roughened(torch.cat([looked_at(one.picture) for one in some]))), some, known)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rates.step()
    net.eval()
    return judge


def judge_of(names: Sequence[str], width: int = 24) -> Judge:
    """One that has learnt nothing."""
    known = questions(names)
    return Judge(Net({name: len(found) for name, found in known.items()}, width).eval(), known)


def _loss(out: Mapping[str, Tensor], some: Sequence[Seen], known: Mapping[str, list[str]]) -> Tensor:
    total = torch.zeros(())
    for name, scores in out.items():
        wanted = torch.tensor([known[name].index(one.answers[name]) if name in one.answers else SILENT for one in some])
        if bool((wanted != SILENT).any()):
            total = total + functional.cross_entropy(scores, wanted, ignore_index=SILENT, label_smoothing=0.02)
    return total


def _roughened(x: Tensor) -> Tensor:
    """As pictures of a model are: a third of them softer, all a little noisy and off in colour."""
    soft = functional.interpolate(functional.avg_pool2d(x, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.35, soft, x)
    x = x * (1 + 0.06 * torch.randn(len(x), 1, 1, 1)) + 0.03 * torch.randn(len(x), 3, 1, 1)
    return x + torch.rand(len(x), 1, 1, 1) * 0.08 * torch.randn_like(x)
