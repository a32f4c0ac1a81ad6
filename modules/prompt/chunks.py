"""Lays a text's tokens out in chunks of 75, as A1111 does, because CLIP reads 77 tokens at a time (one mark before, one behind).

Knows no torch: an embedding is anything with a length and slices. `encode` turns chunks into conditioning, `tokens` counts them.
Source: AUTOMATIC1111 v1.10.1's behaviour (parity rule 7.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from modules.prompt.grammar import BREAK, Fragments

CHUNK = 75
LENGTH = CHUNK + 2
PLACEHOLDER = 0
"""The token that stands where an embedding's vectors go; a text encoder never reads it."""


class Words(Protocol):
    """What is needed of `vocabulary.Vocabulary`."""

    bos: int
    eos: int
    pad: int
    comma: int

    def encode(self, text: str) -> list[int]: ...


class Vectors(Protocol):
    """Vectors of a textual inversion, [n, D]."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Any: ...


@dataclass(frozen=True)
class Chunk:
    """tokens, weights: 77 each, marks and padding included (they weigh 1). vectors: (position in 0..76, [n, D]) of each embedding; there the tokens are
    placeholders. sources: per position the index of the fragment it came from, -1 for marks and padding. used: tokens before padding; 75 when a BREAK
    or an overflow closed the chunk."""

    tokens: list[int]
    weights: list[float]
    vectors: list[tuple[int, Any]] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    used: int = 0


def empty(vocabulary: Words) -> Chunk:
    """The chunk of the empty text; also what fills up shorter texts that share a call with longer ones."""
    return _Page(vocabulary).closed(last=True)


def chunks(fragments: Fragments, vocabulary: Words, backtrack: int = 20, embeddings: Mapping[str, Vectors] | None = None) -> list[Chunk]:
    """At least one chunk. backtrack: when a chunk is full, what follows its last comma moves on with the rest if that is at most so many tokens.

    embeddings: by name. A name counts where its tokens stand in the text (so upper and lower case are one; the longest name wins); vectors beyond 75 are
    dropped, and an embedding that no longer fits its chunk moves to the next as a whole. BREAK closes a chunk; at the end of a text it adds none.
    """
    known = _by_first_token(vocabulary, embeddings or {})
    page = _Page(vocabulary)
    done: list[Chunk] = []
    for source, (text, weight) in enumerate(fragments):
        if text == BREAK and weight == -1:
            done.append(page.closed())
            page = _Page(vocabulary)
            continue
        tokens = vocabulary.encode(text)
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token == vocabulary.comma:
                page.comma = len(page.tokens)
            elif backtrack and len(page.tokens) == CHUNK and page.comma >= 0 and CHUNK - page.comma <= backtrack:
                moved = page.cut(page.comma + 1)
                done.append(page.closed())
                page = moved
            if len(page.tokens) == CHUNK:
                done.append(page.closed())
                page = _Page(vocabulary)
            name, vectors = next((entry for entry in known.get(token, ()) if tokens[position : position + len(entry[0])] == entry[0]), ([], None))
            if vectors is None:
                page.add([token], weight, source)
                position += 1
                continue
            count = min(len(vectors), CHUNK)
            if len(page.tokens) + count > CHUNK:
                done.append(page.closed())
                page = _Page(vocabulary)
            page.vectors.append((len(page.tokens), vectors[:count]))
            page.add([PLACEHOLDER] * count, weight, source)
            position += len(name)
    if page.tokens or not done:
        done.append(page.closed(last=True))
    return done


class _Page:
    """A chunk that is being filled. comma: where its last comma stands, -1 for none."""

    def __init__(self, vocabulary: Words) -> None:
        self.vocabulary = vocabulary
        self.tokens: list[int] = []
        self.weights: list[float] = []
        self.sources: list[int] = []
        self.vectors: list[tuple[int, Any]] = []
        self.comma = -1

    def add(self, tokens: list[int], weight: float, source: int) -> None:
        self.tokens += tokens
        self.weights += [weight] * len(tokens)
        self.sources += [source] * len(tokens)

    def cut(self, start: int) -> _Page:
        """Takes what begins at `start` out, as a page of its own."""
        moved = _Page(self.vocabulary)
        for name in ("tokens", "weights", "sources"):
            line = getattr(self, name)
            setattr(moved, name, line[start:])
            setattr(self, name, line[:start])
        moved.vectors = [(position - start, vectors) for position, vectors in self.vectors if position >= start]
        self.vectors = [(position, vectors) for position, vectors in self.vectors if position < start]
        return moved

    def closed(self, last: bool = False) -> Chunk:
        words, room = self.vocabulary, CHUNK - len(self.tokens)
        return Chunk(
            tokens=[words.bos, *self.tokens, words.eos, *[words.pad] * room],
            weights=[1.0, *self.weights, *[1.0] * (room + 1)],
            vectors=[(position + 1, vectors) for position, vectors in self.vectors],
            sources=[-1, *self.sources, *[-1] * (room + 1)],
            used=len(self.tokens) if last else CHUNK,
        )


def _by_first_token(vocabulary: Words, embeddings: Mapping[str, Vectors]) -> dict[int, list[tuple[list[int], Vectors]]]:
    """Embeddings by the first token of their names, longest names first."""
    known: dict[int, list[tuple[list[int], Vectors]]] = {}
    for name, vectors in embeddings.items():
        tokens = vocabulary.encode(name)
        if tokens and len(vectors):
            known.setdefault(tokens[0], []).append((tokens, vectors))
    for entries in known.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return known
