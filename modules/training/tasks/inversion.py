"""Textual inversion (Gal et al. 2022): a few vectors that stand for a new word, learnt while every network stays as it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modules.core.errors import InvalidRequest, Unsupported
from modules.families.family import Model
from modules.networks.layout import LAYOUTS
from modules.prompt.chunks import chunks
from modules.prompt.grammar import fragments


class Word(nn.Module):
    """vectors: [n, D], those of several text encoders side by side."""

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors.clone())


def begun(model: Model, count: int, start: str, seed: int) -> Word:
    """Vectors that begin as those of a word, or as what words are like on the average, and a little apart. Raises Unsupported, InvalidRequest."""
    if model.record.name not in LAYOUTS:
        raise Unsupported(f"Textual inversions can be trained on models with a UNet, not on {model.record.title}.", "Choose another checkpoint.", "model")
    dice = torch.Generator().manual_seed(seed)
    sides = []
    for encoder in LAYOUTS[model.record.name].encoders:
        inner = getattr(model.parts[encoder.part], "text_model", model.parts[encoder.part])
        table = inner.embeddings.token_embedding.weight.detach().float().cpu()
        ids = _ids(start, model.parts[encoder.vocabulary])
        if start and not ids:
            raise InvalidRequest(f"{start!r:.80} is no word to start from.", "Give a word of the prompt's language.", "inversion.start")
        own = table[ids] if ids else table.mean(0, keepdim=True)
        rows = own[[place % len(own) for place in range(count)]]
        sides.append(rows + torch.randn(rows.shape, generator=dice) * table.std() * (0.05 if ids else 0.5))
    return Word(torch.cat(sides, 1))


def _ids(word: str, vocabulary: object) -> list[int]:
    """The tokens of a text, without the ends."""
    if not word.strip():
        return []
    first = chunks(fragments(word, "None"), vocabulary, 20, {})[0]  # type: ignore[arg-type]
    ends = {first.tokens[0], first.tokens[-1]}
    return [token for token in first.tokens if token not in ends]
