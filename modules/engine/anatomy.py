"""How the prompts of a request are read: AND parts, the texts that editing makes of them over time, chunks of 75 tokens, and the weight of each token.

No torch: this is there at once. What weights do to the text encoder's answer is measured by `engine.weighing`, which fills in what is None here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from modules.core.errors import InvalidRequest
from modules.core.request import GenerationRequest
from modules.engine.texts import calls_of, entries_of, read_prompt
from modules.prompt.chunks import Chunk as Laid
from modules.prompt.chunks import chunks
from modules.prompt.grammar import fragments, split_and
from modules.prompt.vocabulary import Vocabulary

MOST_TOKENS = 3000
"""In all texts together; more is nothing to look at."""
LEAST_WEIGHT = 1e-5
"""compel's: what a fragment's share is computed from when its weight is lower."""


@dataclass(frozen=True)
class Original:
    """A1111's rule: the vector is multiplied by its weight, then all are scaled so that their mean is what it was. factor: by which it is multiplied in the end.
    change: length of the difference to the unweighted vector, as a share of that one's length. Both None until measured."""

    factor: float | None = None
    change: float | None = None


@dataclass(frozen=True)
class Compel:
    """compel's rule: the vector is moved along the line from the empty prompt's, `scale` times as far as the prompt goes; and for a fragment below weight 1 all
    of its chunk is blended with what the chunk would be were the fragment masked out. share: of that in the blend, 0 to 1. change: as with `Original`."""

    scale: float = 1.0
    share: float = 0.0
    change: float | None = None


@dataclass(frozen=True)
class Token:
    """text: its letters. ends_word: whether a word ends here. weight: as the brackets say. fragment: which piece of equal weight it is in, counted per text.
    embedding: name of the textual inversion of which it is one vector; "" for a word."""

    text: str
    ends_word: bool
    weight: float
    fragment: int
    embedding: str = ""
    original: Original = Original()
    compel: Compel = Compel()


@dataclass(frozen=True)
class Chunk:
    """What the text encoder reads at once: up to 75 tokens; the marks around them and the padding are not in it."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class Text:
    """One text that a part means. calls: when it acts, as (first, last) denoiser calls, counted from 1."""

    text: str
    calls: tuple[tuple[int, int], ...]
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class Part:
    """A prompt, or what stands between two ANDs of it. weight: with which its prediction counts."""

    weight: float
    texts: tuple[Text, ...]


@dataclass(frozen=True)
class Anatomy:
    """calls: of the denoiser in all. emphasis: the rule that the request asks for. measured: whether the effects are filled in."""

    prompt: tuple[Part, ...]
    negative_prompt: tuple[Part, ...]
    calls: int
    emphasis: str
    measured: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.prompt, *self.negative_prompt)


@dataclass(frozen=True)
class Stand:
    """Stands for the vectors of a textual inversion where only their number matters."""

    name: str
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice, /) -> Stand:
        return Stand(self.name, len(range(self.count)[rows]))


def anatomy(request: GenerationRequest, vocabulary: Vocabulary, embeddings: Mapping[str, int] | None = None) -> Anatomy:
    """embeddings: name -> number of vectors; without them their names are read as words. Raises InvalidRequest for more than is worth looking at."""
    stands = {name: Stand(name, count) for name, count in (embeddings or {}).items()}
    seen = 0

    def part(text: str, weight: float) -> Part:
        nonlocal seen
        texts = []
        for meant, calls in moments(text, request).items():
            laid = chunks(fragments(meant, request.text.emphasis), vocabulary, request.text.comma_backtrack, stands)
            seen += sum(sum(source >= 0 for source in chunk.sources) for chunk in laid)
            if seen > MOST_TOKENS:
                what = f"All that the prompts mean over time has more than {MOST_TOKENS} tokens, which is more than can be looked at."
                raise InvalidRequest(what, "Look at a shorter prompt, or one with less editing in it.", "prompt")
            texts.append(Text(meant, calls, tuple(Chunk(_tokens(chunk, vocabulary)) for chunk in laid)))
        return Part(weight, tuple(texts))

    prompt = tuple(part(text, weight) for text, weight in split_and(read_prompt(request.prompt, request)))
    negative = (part(read_prompt(request.negative_prompt, request), 1.0),)
    return Anatomy(prompt, negative, calls_of(request), request.text.emphasis)


def moments(text: str, request: GenerationRequest) -> dict[str, tuple[tuple[int, int], ...]]:
    """Each text that a part means -> when it acts. A1111's rule: an entry that ends at step n still acts in call n + 1."""
    found: dict[str, list[tuple[int, int]]] = {}
    start, last = 1, calls_of(request)
    for end, meant in entries_of(text, request):
        spans = found.setdefault(meant, [])
        until = min(end + 1, last)
        if start > until:
            continue
        if spans and spans[-1][1] == start - 1:
            spans[-1] = (spans[-1][0], until)
        else:
            spans.append((start, until))
        start = until + 1
    return {meant: tuple(spans) for meant, spans in found.items() if spans}


def shares(weights: Sequence[float]) -> list[float]:
    """compel's blend of one chunk: for each fragment's weight, how much of the result is the chunk without that fragment."""
    parts = [math.tan((1 - max(weight, LEAST_WEIGHT)) * math.pi / 2) if weight < 1 else 0.0 for weight in weights]
    return [part / (1 + math.fsum(parts)) for part in parts]


def _tokens(chunk: Laid, vocabulary: Vocabulary) -> tuple[Token, ...]:
    named = {place + index: (vectors, index) for place, vectors in chunk.vectors for index in range(len(vectors))}
    places = [place for place, source in enumerate(chunk.sources) if source >= 0]
    runs = [list(run) for _, run in groupby(places, key=lambda place: chunk.sources[place])]
    found = []
    for run, share in zip(runs, shares([chunk.weights[run[0]] for run in runs]), strict=True):
        for place in run:
            text, ends = _shown(named[place]) if place in named else vocabulary.piece(chunk.tokens[place])
            name = named[place][0].name if place in named else ""
            weight = chunk.weights[place]
            found.append(Token(text, ends, weight, chunk.sources[place], name, compel=Compel(weight, share)))
    return tuple(found)


def _shown(vector: tuple[Any, int]) -> tuple[str, bool]:
    stand, index = vector
    return f"{stand.name} {index + 1}/{len(stand)}", index + 1 == len(stand)
