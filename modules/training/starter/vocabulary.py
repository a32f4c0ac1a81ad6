"""The model's own vocabulary: those of CLIP's tokens and merges that its sentences need, so every word of theirs is cut as CLIP cuts it.

Letters are all there, so any text can be read; and because each token is one of CLIP's, the text encoder can be written with CLIP's whole table (`whole_table`):
a single file without a tokenizer, which every program reads with CLIP's. Byte-pair encoding: Sennrich et al. 2016, Radford et al. 2021. Knows no torch but
for that table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import torch
from tokenizers.models import BPE
from torch import Tensor

from modules.catalog.scan import CLIP_VOCABULARY
from modules.prompt.vocabulary import BOS, END, EOS, Vocabulary, byte_pairs

LENGTH = 77
BYTES = 512
"""CLIP's first tokens: each byte, and each byte at the end of a word."""
COMMON = 256
"""Further merges, the most common of CLIP's, for words that no sentence has."""


@lru_cache(maxsize=1)
def _clip() -> tuple[Mapping[str, int], tuple[tuple[str, str], ...]]:
    tokens = json.loads((CLIP_VOCABULARY / "vocab.json").read_text("utf-8"))
    lines = (CLIP_VOCABULARY / "merges.txt").read_text("utf-8").splitlines()
    return tokens, tuple((first, second) for line in lines if not line.startswith("#version") and len(parts := line.split()) == 2 for first, second in (parts,))


def merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """The merges of CLIP by which these words (of plain letters) are put together, and some more, in CLIP's order."""
    _, known = _clip()
    ranks = {pair: rank for rank, pair in enumerate(known)}
    used = set(range(COMMON))
    for word in words:
        pieces = [*word[:-1], word[-1] + END]
        while len(pieces) > 1:
            rank, place = min((ranks.get(pair, len(known)), place) for place, pair in enumerate(zip(pieces, pieces[1:], strict=False)))
            if rank == len(known):
                break
            used.add(rank)
            pieces[place : place + 2] = ["".join(pieces[place : place + 2])]
    return [known[rank] for rank in sorted(used)]


def write(folder: Path, words: Iterable[str]) -> None:
    """As transformers' CLIPTokenizer reads it."""
    clip, _ = _clip()
    kept = merges(words)
    tokens = [token for token, _ in sorted(clip.items(), key=lambda item: item[1])[:BYTES]] + ["".join(pair) for pair in kept] + [BOS, EOS]
    numbers = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(numbers, ensure_ascii=False), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{first} {second}\n" for first, second in kept), "utf-8")
    marks = {"bos_token": BOS, "eos_token": EOS, "pad_token": EOS, "unk_token": EOS}
    (folder / "tokenizer_config.json").write_text(json.dumps({**marks, "model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer"}, indent=1), "utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(marks, indent=1), "utf-8")
    byte_pairs(BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), unk_token=EOS, end_of_word_suffix=END)).save(
        str(folder / "tokenizer.json")
    )


def rows(texts: Iterable[str], vocabulary: Vocabulary, length: int = LENGTH) -> Tensor:
    """Token ids as a model reads them, [n, length] int64; what is longer loses its end."""
    found = []
    for text in texts:
        ids = [vocabulary.bos, *vocabulary.encode(text)[: length - 2], vocabulary.eos]
        found.append(ids + [vocabulary.pad] * (length - len(ids)))
    return torch.tensor(found)


def whole_table(table: Tensor, vocabulary: Vocabulary, tokens: Mapping[str, int]) -> Tensor:
    """The embeddings [n, D] of a vocabulary as those of CLIP's whole one, [49408, D]: tokens that it lacks are the mean of the pieces that it has.
    tokens: its own numbers."""
    clip, _ = _clip()
    into: list[int] = []
    found: list[int] = []
    for token, number in clip.items():
        letters = token.removesuffix(END)
        pieces = [token] if token in tokens else [*letters[:-1], letters[-1] + (END if letters != token else "")]
        ids = [tokens[piece] for piece in pieces if piece in tokens] or [vocabulary.eos]
        into += [number] * len(ids)
        found += ids
    counts = torch.bincount(torch.tensor(into), minlength=len(clip))[:, None]
    sums = torch.zeros(len(clip), table.shape[1], dtype=torch.float64).index_add_(0, torch.tensor(into), table[found].double())
    return (sums / counts).to(table.dtype)


def numbers_of(folder: Path) -> dict[str, int]:
    """Token -> its number."""
    found: dict[str, int] = json.loads((folder / "vocab.json").read_text("utf-8"))
    return found
