"""Texts through one text encoder, by the emphasis mode of the request: what every family with CLIP does with each of its encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from modules.core.groups.sampling import Emphasis, Text
from modules.prompt import compel_weights
from modules.prompt.chunks import Chunk
from modules.prompt.compel_weights import MaskedRun
from modules.prompt.encode import chunks, encode
from modules.prompt.grammar import fragments
from modules.prompt.vocabulary import Vocabulary


def contexts(texts: Sequence[str], run: MaskedRun, vocabulary: Vocabulary, text: Text, embeddings: Mapping[str, Tensor]) -> list[Tensor]:
    """Texts of one schedule -> [77 n, D] each, of equal length. run: the encoder. embeddings: textual inversions that fit it, by name."""
    pieces = [fragments(one, text.emphasis) for one in texts]
    if text.emphasis == "compel":
        return compel_weights.encode(pieces, run, vocabulary, backtrack=text.comma_backtrack, embeddings=embeddings)
    laid_out = [chunks(piece, vocabulary, text.comma_backtrack, embeddings) for piece in pieces]
    return encode(laid_out, lambda tokens, vectors: run(tokens, vectors, None), vocabulary, text.emphasis)


def first_chunk(one: str, vocabulary: Vocabulary, text: Text, embeddings: Mapping[str, Tensor]) -> Chunk:
    """The beginning of a text without its weights: what a pooled vector is taken of."""
    plain: Emphasis = "None" if text.emphasis == "None" else "Ignore"
    return chunks(fragments(one, plain), vocabulary, text.comma_backtrack, embeddings)[0]
