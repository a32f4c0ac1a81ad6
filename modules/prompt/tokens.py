"""Counts tokens for the page's "12/75", by A1111's rule. No torch. `Vocabulary` is offered here too, as the other thing one asks of tokens."""

from __future__ import annotations

from collections.abc import Mapping

from modules.core.groups.sampling import Emphasis
from modules.prompt.chunks import CHUNK, Vectors, Words, chunks
from modules.prompt.grammar import fragments, networks, split_and, strip_comments
from modules.prompt.timeline import timeline
from modules.prompt.vocabulary import Vocabulary

__all__ = ["Vocabulary", "count"]


def count(
    text: str,
    vocabulary: Words,
    *,
    steps: int = 20,
    positive: bool = True,
    comments: bool = True,
    old: bool = False,
    emphasis: Emphasis = "Original",
    backtrack: int = 20,
    embeddings: Mapping[str, Vectors] | None = None,
) -> tuple[int, int]:
    """(used, limit): tokens of the longest text that the prompt means at any step, and the room in the chunks they take (75 each).

    A chunk that is followed by another counts 75. positive: AND divides the text (in a negative prompt it is a word); the longest part counts.
    """
    prompt, _ = networks(strip_comments(text) if comments else text)
    parts = {part for part, _ in split_and(prompt)} if positive else {prompt}
    texts = {entry for part in parts for _, entry in timeline(part, steps, old=old)}
    used = max(sum(chunk.used for chunk in chunks(fragments(entry, emphasis), vocabulary, backtrack, embeddings)) for entry in texts)
    return used, max(-(-used // CHUNK), 1) * CHUNK
