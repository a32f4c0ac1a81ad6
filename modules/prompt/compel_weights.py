"""Weights by compel's rule (the library `compel`, Damian Stewart): words above 1 are drawn away from the empty text's conditioning, words below 1 are blended
towards a text in which they are masked out. Prompts are parsed by our grammar and laid out in our chunks; compel's own parser never sees them.

Knows no model: the family hands in `run`. Costs one run of the text encoder per chunk and one more per down-weighted fragment of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from compel import Compel
from compel.prompt_parser import Conjunction, FlattenedPrompt
from torch import Tensor

from modules.core.errors import InvalidRequest
from modules.prompt.chunks import LENGTH, Chunk, Words, chunks
from modules.prompt.encode import Placed
from modules.prompt.grammar import Fragments

RUN_LIMIT = 1000
"""Runs of the text encoder per call; a minute's work for CLIP-L on a slow machine."""
_VECTOR = 1 << 40
"""Ids from here on stand for rows of embeddings on their way through compel."""


class MaskedRun(Protocol):
    """Like `encode.Run`, with an attention mask [N, 77] (0: a token that is not to be looked at), or None for no mask."""

    def __call__(self, tokens: Tensor, vectors: list[Placed], mask: Tensor | None, /) -> Tensor: ...


def encode(
    texts: Sequence[Fragments],
    run: MaskedRun,
    vocabulary: Words,
    *,
    backtrack: int = 20,
    embeddings: Mapping[str, Tensor] | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    """Conditioning of each text, [77 n, D], n being the longest text's number of chunks (shorter ones are filled up with the empty text's).

    texts: fragments as `grammar.fragments` gives them. device, dtype: of the result. To all words but its own a negative weight acts like 0; its own vectors go
    beyond the empty text's. A text's result does not depend on its company. Raises InvalidRequest when more than `RUN_LIMIT` runs of the text encoder would be
    needed.
    """
    table: list[Tensor] = []
    prompts = {_key(text): [_flat(chunk, table) for chunk in chunks(text, vocabulary, backtrack, embeddings)] for text in texts}
    runs = 1 + sum(1 + sum(part.weight < 1 for part in flat.children) for flats in prompts.values() for flat in flats)
    if runs > RUN_LIMIT:
        raise InvalidRequest(
            f"compel's weights would need {runs} runs of the text encoder for this prompt, one for each fragment below weight 1; at most {RUN_LIMIT} are done.",
            "Use fewer such fragments, or the emphasis mode Original.",
            "text.emphasis",
        )
    compel = Compel(_Tokenizer(vocabulary), _Encoder(run, table, torch.device(device), dtype), truncate_long_prompts=False)
    with torch.no_grad():
        done = {key: compel.build_conditioning_tensor_for_conjunction(Conjunction(flats))[0] for key, flats in prompts.items()}
        longest = max((z.shape[1] for z in done.values()), default=0)
        empty = compel.build_conditioning_tensor_for_conjunction(Conjunction([FlattenedPrompt([("", 1.0)])]))[0]
        filled = {key: torch.cat([z, *[empty] * ((longest - z.shape[1]) // LENGTH)], dim=1)[0] for key, z in done.items()}
    return [filled[_key(text)] for text in texts]


def _key(text: Fragments) -> tuple[tuple[str, float], ...]:
    return tuple(text)


def _flat(chunk: Chunk, table: list[Tensor]) -> FlattenedPrompt:
    """A chunk as compel wants it: its fragments, each written as its token ids. Fragments without tokens, on which compel stumbles, are not in a chunk."""
    ids = list(chunk.tokens)
    for position, vectors in chunk.vectors:
        ids[position : position + len(vectors)] = range(_VECTOR + len(table), _VECTOR + len(table) + len(vectors))
        table.extend(vectors)
    places = [place for place, source in enumerate(chunk.sources) if source >= 0]
    parts = [list(part) for _, part in groupby(places, key=lambda place: chunk.sources[place])]
    return FlattenedPrompt([(" ".join(str(ids[place]) for place in part), float(chunk.weights[part[0]])) for part in parts] or [("", 1.0)])


class _Tokenizer:
    """What compel asks of a tokenizer; it reads token ids written as numbers."""

    model_max_length = LENGTH

    def __init__(self, vocabulary: Words) -> None:
        self.bos_token_id, self.eos_token_id, self.pad_token_id = (vocabulary.bos, vocabulary.eos, vocabulary.pad)

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [[self.bos_token_id, *map(int, text.split()), self.eos_token_id] for text in texts]}


class _Encoder:
    """What compel asks of a text encoder."""

    def __init__(self, run: MaskedRun, table: list[Tensor], device: torch.device, dtype: torch.dtype) -> None:
        self.run, self.table, self.device, self.dtype = run, table, device, dtype

    def __call__(self, tokens: Tensor, mask: Tensor | None = None, **_: Any) -> SimpleNamespace:
        rows = tokens.tolist()
        vectors = [[(place, self.table[token - _VECTOR].unsqueeze(0)) for place, token in enumerate(row) if token >= _VECTOR] for row in rows]
        known = [[0 if token >= _VECTOR else token for token in row] for row in rows]
        return SimpleNamespace(last_hidden_state=self.run(torch.tensor(known), vectors, mask))
