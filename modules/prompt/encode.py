"""From chunks to conditioning: runs the text encoder over the chunks of all texts of one schedule and weighs the result by A1111's rule.

Knows no model: the family hands in `run`, which does clip skip and the final layer norm. `Chunk` and `chunks` are offered here too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import zip_longest

import torch
from torch import Tensor

from modules.core.errors import Unsupported
from modules.core.groups.sampling import Emphasis
from modules.prompt.chunks import Chunk, Words, chunks, empty
from modules.prompt.emphasis import weigh

__all__ = ["Chunk", "Placed", "Run", "chunks", "encode"]

Placed = list[tuple[int, Tensor]]
"""Textual-inversion vectors of one row: (position in 0..76, [n, D])."""
Run = Callable[[Tensor, list[Placed]], Tensor]
"""(tokens [N, 77] int64, the vectors to put in, per row) -> [N, 77, D]. See `embeddings.patched`."""

_Row = tuple[tuple[int, ...], tuple[tuple[int, int, int], ...]]
_Key = tuple[_Row, tuple[float, ...]]


def encode(texts: Sequence[Sequence[Chunk]], run: Run, vocabulary: Words, emphasis: Emphasis = "Original") -> list[Tensor]:
    """Conditioning of each text, [77 n, D], n being the longest text's number of chunks (shorter ones are filled up with empty chunks).

    All texts of a schedule belong into one call, repeated ones too: with "Original" emphasis they share one mean per column of chunks. Apart from that a text's
    result does not depend on its company: `run` gets one row at a time, because the last bits of a batch depend on its size. Equal rows are run once and
    equal texts share one tensor, so alternation costs no more than its distinct texts. Gradients go through, for whoever trains what `run` runs.
    """
    if emphasis == "compel":
        raise Unsupported("compel's weights are another algorithm than A1111's.", "Encode with prompt.compel_weights instead.", "text.emphasis")
    blank = empty(vocabulary)
    columns = list(zip_longest(*texts, fillvalue=blank))
    lines = [tuple(line) for line in zip(*columns, strict=True)] if columns else []
    keys = [tuple(_key(chunk) for chunk in line) for line in lines]
    copies = Counter(keys)
    distinct = dict(zip(keys, lines, strict=True))
    rows: dict[_Row, Tensor] = {}
    for key, line in distinct.items():
        for (row, _), chunk in zip(key, line, strict=True):
            if row not in rows:
                rows[row] = run(torch.tensor([chunk.tokens]), [list(chunk.vectors)])[0]
    done: dict[tuple[_Key, ...], list[Tensor]] = {key: [] for key in distinct}
    for column in range(len(columns)):
        z = torch.stack([rows[key[column][0]] for key in distinct])
        weights = torch.tensor([key[column][1] for key in distinct], dtype=torch.float32)
        for key, weighed in zip(distinct, weigh(z, weights, emphasis, [copies[key] for key in distinct]), strict=True):
            done[key].append(weighed)
    results = {key: torch.cat(parts) for key, parts in done.items()}
    return [results[key] for key in keys]


def _key(chunk: Chunk) -> _Key:
    """What decides a chunk's result. Vectors are told apart by where they lie in memory: the chunks keep them alive during the call."""
    vectors = tuple((position, vector.data_ptr(), len(vector)) for position, vector in chunk.vectors)
    return (tuple(chunk.tokens), vectors), tuple(chunk.weights)
