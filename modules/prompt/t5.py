"""T5's vocabulary, and texts as its tokens with their weights: one line of any length, ended by a mark and filled up (Raffel et al. 2020).

By the `tokenizers` library alone. The bundled vocabulary is T5 v1.1's, which Stable Diffusion 3 and FLUX have. Knows no network.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer

from modules.core.errors import BadModelFile
from modules.prompt.grammar import BREAK, Fragments
from modules.prompt.vocabulary import printable

PAD, EOS = 0, 1


class Line(NamedTuple):
    """tokens and the weight of each, the ending mark and the filling included."""

    tokens: list[int]
    weights: list[float]


class T5Vocabulary:
    """Text to token ids."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer

    @classmethod
    def from_file(cls, path: Path) -> T5Vocabulary:
        """A `tokenizer.json`, or one within gzip. Raises BadModelFile."""
        try:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            return cls(Tokenizer.from_str(data.decode("utf-8")))
        except Exception as error:  # the library raises bare Exceptions
            raise BadModelFile(f"The tokenizer {path.name} cannot be read ({error}).", "Copy it again.") from error

    def encode(self, text: str) -> list[int]:
        """Ids of any text, without the ending mark."""
        return self._tokenizer.encode(printable(text), add_special_tokens=False).ids

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()


def lines(texts: Sequence[Fragments], vocabulary: T5Vocabulary, length: int) -> list[Line]:
    """The texts of one call, of one length: `length`, or that of the longest where it is longer. BREAK means nothing here, where nothing is in chunks."""
    found: list[Line] = []
    for pieces in texts:
        tokens: list[int] = []
        weights: list[float] = []
        for text, weight in pieces:
            ids = [] if (text, weight) == (BREAK, -1.0) else vocabulary.encode(text)
            tokens += ids
            weights += [weight] * len(ids)
        found.append(Line([*tokens, EOS], [*weights, 1.0]))
    longest = max([length, *(len(line.tokens) for line in found)])
    return [Line(line.tokens + [PAD] * (missing := longest - len(line.tokens)), line.weights + [1.0] * missing) for line in found]
