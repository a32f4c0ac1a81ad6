"""Latents of recent first passes, so that a picture can be drawn larger later (hires fix) without its first pass being drawn again.

Bounded by bytes, least recently used out first; held in the machine's memory, not the device's. What is no longer here is simply drawn again: the key says
everything that decides the latents, so that either way every bit is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from modules.core.groups.faces import RestoredFaces
from modules.core.groups.passes import Enlarging, Hires, Refiner
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.engine.plan import Stage
from modules.memory.cache import ByteCache

LIMIT = 256 * 2**20
"""Bytes; some 4,000 pictures of 512 x 512."""


class Kept(NamedTuple):
    """latents: [B, C, h, w] on the CPU. refined: whether the refiner had taken over at their end."""

    latents: Tensor
    refined: bool


class FirstPasses:
    """limit: bytes that are kept."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._held: ByteCache[Kept] = ByteCache(limit, lambda: None)

    def find(self, stages: Sequence[Stage], requests: Sequence[GenerationRequest]) -> Kept | None:
        """The first pass of a plan that has a second one. requests: of the single pictures evaluated together."""
        second = len(stages) > 1 and stages[1].first_pass is not None
        return self._held.get(_key(stages[0], requests)) if second else None

    def keep(self, stage: Stage, requests: Sequence[GenerationRequest], latents: Tensor, refined: bool) -> None:
        """The finished latents of a stage, where another request may begin with the same: those of a first pass from noise."""
        if stage.first_pass is not None or stage.strength is not None or latents.nbytes > self._limit or not latents.isfinite().all():
            return
        self._held.make_room(latents.nbytes)
        self._held.put(_key(stage, requests), Kept(latents.detach().cpu().clone(), refined), latents.nbytes)


def _key(stage: Stage, requests: Sequence[GenerationRequest]) -> str:
    """Pictures that are evaluated together differ in their last bits from those alone, so all of them count."""
    wishes = [to_dict(_deciding(stage, request)) for request in requests]
    return hashlib.sha256(json.dumps(wishes, sort_keys=True).encode()).hexdigest()


def _deciding(stage: Stage, request: GenerationRequest) -> GenerationRequest:
    """The request without what acts on later passes only."""
    refiner = replace(request.refiner, passes=Refiner().passes) if stage.refined else Refiner()
    return replace(request, hires=Hires(), enlarging=Enlarging(), faces=RestoredFaces(), refiner=refiner)
