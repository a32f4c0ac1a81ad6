"""The texts of a stage as tensors, and which of them acts at which denoiser call (parity rule 7.2). Asks the family to encode; knows no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from modules.core.groups.sampling import Text
from modules.core.request import GenerationRequest
from modules.engine.texts import entries_of, read_prompt
from modules.families.family import Cond, Model, Setting
from modules.prompt.grammar import split_and

Scheduled = list[tuple[int, Cond]]
"""[(last call it acts at, Cond), ...], in order."""


class Span(NamedTuple):
    """What acts up to a denoiser call: the parts of the prompt, and the negative."""

    last: int
    conds: tuple[Cond, ...]
    negative: Cond


@dataclass(frozen=True)
class Conditioning:
    """weights: of the AND parts of the prompt. spans: in order. empty: of the empty text, for padding."""

    weights: list[float]
    spans: list[Span]
    empty: Cond | None

    def at(self, call: int) -> Span:
        """What acts at a denoiser call, counted from 0; after the last span it goes on."""
        for span in self.spans:
            if call <= span.last:
                return span
        return self.spans[-1]


def spans_of(parts: Sequence[Scheduled], negative: Scheduled) -> list[Span]:
    """Schedules of their own, side by side."""
    lasts = sorted({last for entries in (*parts, negative) for last, _ in entries})
    return [Span(last, tuple(_acting(entries, last) for entries in parts), _acting(negative, last)) for last in lasts]


def _acting(entries: Scheduled, call: int) -> Cond:
    return next((cond for last, cond in entries if call <= last), entries[-1][1])


class Encoder(Protocol):
    """What makes tensors of texts: a family, or one that remembers what a family made."""

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting) -> list[Cond]: ...


def conditioning(
    encoder: Encoder,
    model: Model,
    request: GenerationRequest,
    embeddings: Mapping[str, Tensor],
    first: GenerationRequest | None = None,
    silent: int = 0,
    size: tuple[int, int] = (0, 0),
) -> Conditioning:
    """Encodes both prompts of a stage's request. first: the request of the pass before, for a second one. silent: calls in which the empty text acts alone,
    before the prompts begin to. size: of the stage's pictures, in pixels; (0, 0): the request's own."""
    width, height = size if all(size) else (request.width, request.height)
    told = Setting(width, height, framing=request.framing)
    against = replace(told, negative=True)

    def scheduled(text: str, setting: Setting) -> Scheduled:
        entries = entries_of(text, request, first)
        # Repeated texts stay in: A1111's emphasis takes its mean over all entries, so they weigh.
        encoded = encoder.encode(model, [text for _, text in entries], request.text, embeddings, setting)
        return [(end, cond) for (end, _), cond in zip(entries, encoded, strict=True)]

    positive = read_prompt(request.prompt, request)
    done: dict[str, Scheduled] = {}
    parts = split_and(positive)
    for text, _ in parts:
        if text not in done:
            done[text] = scheduled(text, told)
    empty = encoder.encode(model, [""], request.text, {}, told)[0] if request.guidance.pad_conds else None
    negative = scheduled(read_prompt(request.negative_prompt, request), against)
    spans = spans_of([done[text] for text, _ in parts], negative)
    if silent:
        silence = encoder.encode(model, [""], request.text, {}, told)[0]
        spans.insert(0, Span(silent - 1, (silence,) * len(parts), silence))
    return Conditioning([weight for _, weight in parts], spans, empty)


def fitted(span: Span, empty: Cond | None) -> tuple[tuple[Cond, ...], Cond]:
    """The parts brought to one length, and, where there is an `empty` to pad with, to that of the negative (or it to theirs)."""
    contexts, negative = equal_lengths([cond.context for cond in span.conds]), span.negative
    if empty is not None:
        length = max(len(contexts[0]), len(negative.context))
        contexts = [padded(context, empty.context, length) for context in contexts]
        negative = Cond(padded(negative.context, empty.context, length), negative.extra)
    return tuple(Cond(context, cond.extra) for context, cond in zip(contexts, span.conds, strict=True)), negative


def equal_lengths(conds: list[Tensor]) -> list[Tensor]:
    """AND parts of different length: the last vector is repeated (parity rule 7.2)."""
    longest = max(len(cond) for cond in conds)
    return [torch.cat([cond, cond[-1:].expand(longest - len(cond), -1)]) if len(cond) < longest else cond for cond in conds]


def padded(cond: Tensor, empty: Tensor, length: int) -> Tensor:
    """Copies of the empty text's 77 vectors appended up to `length`."""
    missing = (length - len(cond)) // len(empty)
    return torch.cat([cond, *[empty] * missing]) if missing > 0 else cond
