"""What text encoders made of texts, kept between jobs: the same words, read by the same encoder in the same way, are never encoded twice.

Bounded by bytes. Knows no family and no prompt grammar.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from modules.core.errors import NotNumbers
from modules.core.groups.sampling import Text
from modules.families.family import PLAIN, Cond, Family, Model, Setting
from modules.memory.cache import ByteCache

LIMIT = 256 * 2**20
"""Bytes of what is kept: some 1000 texts of Stable Diffusion, 30 of FLUX."""


@dataclass
class Readings:
    """limit: bytes."""

    limit: int = LIMIT
    _held: ByteCache[list[Cond]] = field(init=False)

    def __post_init__(self) -> None:
        self._held = ByteCache(self.limit, lambda: None)

    def by(self, family: Family, encoder: Hashable) -> Reader:
        """encoder: everything that decides how these encoders read a text, but for what `Reader.encode` is given: the weights and their precision, what is worn
        on them, and which textual inversions the names stand for."""
        return Reader(family, encoder, self._held)

    def clear(self) -> None:
        """Lets go of all."""
        self._held.clear()


@dataclass(frozen=True)
class Reader:
    """Encodes as a family does, and remembers."""

    family: Family
    encoder: Hashable
    held: ByteCache[list[Cond]]

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        """As `Family.encode`. The tensors belong to all who ask: nobody writes into them. Raises NotNumbers."""
        key = (self.encoder, tuple(texts), text, tuple(embeddings), setting)
        found = self.held.get(key)
        if found is None:
            found = self.family.encode(model, texts, text, embeddings, setting)
            tensors = [tensor for cond in found for tensor in (cond.context, *cond.extra.values())]
            if not all(tensor.isfinite().all() for tensor in tensors):
                what = f"The text encoder of {model.card.name} made not-a-number of a text."
                raise NotNumbers(what, "Download the checkpoint again, or choose another one.", "model")
            size = sum(tensor.nbytes for tensor in tensors)
            self.held.make_room(size)
            self.held.put(key, found, size)
        return found
