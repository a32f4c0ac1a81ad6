"""What the weights in a request's prompts do, measured: the text encoder is run with A1111's rule, with compel's, and without weights, and the vectors are compared.

A text is encoded together with all texts of its part, as for a picture, because A1111's rule shares its mean among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from modules.core.errors import InvalidRequest, Unsupported
from modules.core.groups.sampling import Emphasis
from modules.core.request import GenerationRequest
from modules.engine.anatomy import Anatomy, Chunk, Compel, Original, Part, Text, Token, anatomy
from modules.engine.texts import entries_of, read_prompt
from modules.families.family import Family, Model
from modules.prompt.chunks import LENGTH
from modules.prompt.grammar import split_and

MOST_RUNS = 150
"""Of the text encoder; a quarter of a minute's work on a slow machine, during which no picture is made."""
TINY = 1e-30
"""Keeps a vector of nothing but zeros from being divided by."""
RULES: tuple[Emphasis, ...] = ("Ignore", "Original", "compel")
"""Unweighted first."""


def weigh(family: Family, model: Model, request: GenerationRequest, embeddings: Mapping[str, Tensor]) -> Anatomy:
    """The anatomy with its effects. request: resolved. embeddings: textual inversions by name, [n, D]. Raises InvalidRequest for prompts that would take too long."""
    if model.flow or "pipeline" in model.parts:
        what = f"What weights do is measured on CLIP's chunks of 75 tokens, and {model.card.name} does not read its prompts in those alone."
        raise Unsupported(what, "Choose a Stable Diffusion 1, 2 or XL checkpoint to look at weights.", "model")
    (empty,) = family.encode(model, [""], request.text, {})
    fitting = {name: vectors for name, vectors in embeddings.items() if vectors.shape[-1] == empty.context.shape[-1]}
    read = anatomy(request, model.parts["vocabulary"], {name: len(vectors) for name, vectors in fitting.items()})
    runs = sum(map(runs_of, read.parts))
    if runs > MOST_RUNS:
        what = f"Measuring what these weights do would take {runs} runs of the text encoder; at most {MOST_RUNS} are done."
        raise InvalidRequest(what, "Look at a shorter prompt, or at one with less editing or fewer lowered weights in it.", "prompt")
    prompts = [text for text, _ in split_and(read_prompt(request.prompt, request))]
    prompt = tuple(_measured(part, text, family, model, request, fitting) for part, text in zip(read.prompt, prompts, strict=True))
    (negative,) = (_measured(part, read_prompt(request.negative_prompt, request), family, model, request, fitting) for part in read.negative_prompt)
    return replace(read, prompt=prompt, negative_prompt=(negative,), measured=True)


def runs_of(part: Part) -> int:
    """Runs of the text encoder for all rules: of the plain chunks for each, and of compel's further ones for fragments below weight 1."""
    lowered = sum(len({token.fragment for token in chunk.tokens if token.weight < 1}) for text in part.texts for chunk in text.chunks)
    return len(RULES) * sum(len(text.chunks) for text in part.texts) + lowered


def _measured(part: Part, text: str, family: Family, model: Model, request: GenerationRequest, embeddings: Mapping[str, Tensor]) -> Part:
    literal = request.text.emphasis == "None"  # brackets are text, so there is nothing to weigh by another rule either
    meant = [entry for _, entry in entries_of(text, request)]

    def encoded(rule: Emphasis) -> dict[str, Tensor]:
        wish = replace(request.text, emphasis="None" if literal else rule)
        conds = family.encode(model, meant, wish, embeddings)
        return {entry: cond.context.double() for entry, cond in zip(meant, conds, strict=True)}

    plain, original, compel = (encoded(rule) for rule in RULES)

    def measured(one: Text) -> Text:
        found = []
        for number, chunk in enumerate(one.chunks):
            rows = slice(number * LENGTH + 1, number * LENGTH + 1 + len(chunk.tokens))
            base, by_original, by_compel = (contexts[one.text][rows] for contexts in (plain, original, compel))
            factors = (by_original * base).sum(-1) / (base * base).sum(-1).clamp(min=TINY)
            changes = zip(factors.tolist(), _change(by_original, base), _change(by_compel, base), strict=True)
            found.append(Chunk(tuple(_filled(token, *values) for token, values in zip(chunk.tokens, changes, strict=True))))
        return replace(one, chunks=tuple(found))

    return replace(part, texts=tuple(map(measured, part.texts)))


def _change(weighted: Tensor, base: Tensor) -> list[float]:
    lengths = torch.linalg.vector_norm(weighted - base, dim=-1) / torch.linalg.vector_norm(base, dim=-1).clamp(min=TINY)
    values: list[float] = lengths.tolist()
    return values


def _filled(token: Token, factor: float, change: float, compel_change: float) -> Token:
    return replace(token, original=Original(factor, change), compel=Compel(token.compel.scale, token.compel.share, compel_change))
