"""A plan is data: the passes a request asks for, one `Stage` each. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from modules.core.records.families import FamilyRecord
from modules.core.request import GenerationRequest


@dataclass(frozen=True)
class Stage:
    """One run of a sampler. latent: (channels, height, width) of what it works on; sizes that do not divide are floored, as A1111 does."""

    name: str
    latent: tuple[int, int, int]


def plan(request: GenerationRequest, record: FamilyRecord) -> tuple[Stage, ...]:
    return (Stage("base", (record.latent_channels, request.height // record.multiple, request.width // record.multiple)),)


def takes(request: GenerationRequest) -> list[range]:
    """Which pictures are evaluated together: one by one (bit-identical alone and in a batch), or a batch at once when the request says so."""
    if not request.batched:
        return [range(index, index + 1) for index in range(request.pictures)]
    return [range(start, start + request.batch_size) for start in range(0, request.pictures, request.batch_size)]
