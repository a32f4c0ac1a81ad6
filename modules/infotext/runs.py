"""The runs of a sampler that a request asks for, under the names that act: aliases resolved, "Automatic" as what it stands for. Knows no text."""

from __future__ import annotations

from typing import NamedTuple

from modules.core.errors import InvalidRequest
from modules.core.records.samplers import SAMPLERS, SamplerRecord, split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest

CUSTOM = "Custom"
"""Stands for a schedule type where the user listed the levels."""


class Run(NamedTuple):
    """schedule: the type that acts; "Automatic" only where the sampler has none of its own; CUSTOM. record: None for a name that nobody knows."""

    sampler: str
    schedule: str
    record: SamplerRecord | None


def runs(request: GenerationRequest) -> tuple[Run, ...]:
    """The first pass, and the second one where there is one. Never raises: unknown names stay as they are."""
    first = _run(request.sampler, CUSTOM if request.spacing.sigmas else request.schedule)
    if not second_pass(request):
        return (first,)
    sampler, named = _split(request.hires.sampler) if request.hires.sampler else (request.sampler, "")
    return first, _run(sampler, request.hires.schedule or named or request.schedule)


def second_pass(request: GenerationRequest) -> bool:
    """A picture that starts from another one has no second pass."""
    return request.hires.enabled and not request.init.image


def _run(sampler: str, schedule: str) -> Run:
    record, spacing = SAMPLERS.find(sampler), SCHEDULES.find(schedule)
    schedule = spacing.name if spacing else schedule
    return Run(record.name if record else sampler, record.schedule if record and schedule == "Automatic" else schedule, record)


def _split(sampler: str) -> tuple[str, str]:
    try:
        return split_sampler(sampler)
    except InvalidRequest:
        return sampler, ""
