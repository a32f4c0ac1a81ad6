"""The texts of a stage as tensors, and which of them acts at which denoiser call (parity rule 7.2). Asks the family to encode; knows no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from modules.core.request import GenerationRequest
from modules.engine.texts import entries_of, read_prompt
from modules.families.family import Cond, Family, Model
from modules.prompt.grammar import split_and

Scheduled = list[tuple[int, Cond]]
"""[(last call it acts at, Cond), ...], in order."""


@dataclass(frozen=True)
class Conditioning:
    """parts: (weight, entries) of each AND part of the prompt. negative: of the negative prompt. empty: of the empty text, for padding."""

    parts: list[tuple[float, Scheduled]]
    negative: Scheduled
    empty: Cond | None

    def at(self, call: int) -> tuple[list[tuple[float, Cond]], Cond]:
        """What acts at a denoiser call, counted from 0: weighted parts, and the negative."""
        return [(weight, _acting(entries, call)) for weight, entries in self.parts], _acting(self.negative, call)


def _acting(entries: Scheduled, call: int) -> Cond:
    return next((cond for end, cond in entries if call <= end), entries[-1][1])


def conditioning(
    family: Family, model: Model, request: GenerationRequest, embeddings: Mapping[str, Tensor], first: GenerationRequest | None = None
) -> Conditioning:
    """Encodes both prompts of a stage's request. first: the request of the pass before, for a second one."""

    def scheduled(text: str) -> Scheduled:
        entries = entries_of(text, request, first)
        # Repeated texts stay in: A1111's emphasis takes its mean over all entries, so they weigh.
        encoded = family.encode(model, [text for _, text in entries], request.text, embeddings)
        return [(end, cond) for (end, _), cond in zip(entries, encoded, strict=True)]

    positive = read_prompt(request.prompt, request)
    done: dict[str, Scheduled] = {}
    parts: list[tuple[float, Scheduled]] = []
    for text, weight in split_and(positive):
        if text not in done:
            done[text] = scheduled(text)
        parts.append((weight, done[text]))
    empty = family.encode(model, [""], request.text, {})[0] if request.guidance.pad_conds else None
    return Conditioning(parts, scheduled(read_prompt(request.negative_prompt, request)), empty)


def equal_lengths(conds: list[Tensor]) -> list[Tensor]:
    """AND parts of different length: the last vector is repeated (parity rule 7.2)."""
    longest = max(len(cond) for cond in conds)
    return [torch.cat([cond, cond[-1:].expand(longest - len(cond), -1)]) if len(cond) < longest else cond for cond in conds]


def padded(cond: Tensor, empty: Tensor, length: int) -> Tensor:
    """Copies of the empty text's 77 vectors appended up to `length`."""
    missing = (length - len(cond)) // len(empty)
    return torch.cat([cond, *[empty] * missing]) if missing > 0 else cond
