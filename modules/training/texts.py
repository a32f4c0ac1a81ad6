"""Captions as a model reads them, literally: no brackets, no weights. What a frozen text encoder makes of them is kept (`cache`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from modules.core.groups.sampling import Text
from modules.families.family import Cond, Family, Model, Setting
from modules.training.cache import Cache

LITERAL = Text(emphasis="None")


class Texts:
    """key: what identifies the model's text encoders. learning: whether they are trained, so that nothing may be kept. vectors: words that are learnt."""

    def __init__(
        self, family: Family, model: Model, cache: Cache, key: Mapping[str, object], learning: bool, vectors: Mapping[str, Tensor] | None = None
    ) -> None:
        self.family, self.model, self.cache, self.key, self.learning, self.vectors = family, model, cache, key, learning, vectors or {}

    def encode(self, captions: Sequence[str], size: tuple[int, int]) -> tuple[Tensor, dict[str, Tensor]]:
        """size: (width, height) of the pictures, for families that are told. -> context [B, T, D], and what goes beside it, [B, ...]; on the CPU."""
        if self.learning:
            conds = self.family.encode(self.model, captions, LITERAL, self.vectors, setting(size))
        else:
            conds = [self._kept(caption, size) for caption in captions]
        longest = max(len(cond.context) for cond in conds)
        contexts = [self._filled(cond.context, longest, size) for cond in conds]
        extra = {name: torch.stack([cond.extra[name] for cond in conds]) for name in conds[0].extra}
        return torch.stack(contexts), extra

    def _filled(self, context: Tensor, length: int, size: tuple[int, int]) -> Tensor:
        """A shorter text goes on with empty ones, as in A1111."""
        if len(context) == length:
            return context
        empty = self._kept("", size).context
        return torch.cat([context, *([empty] * ((length - len(context)) // len(empty)))])

    def _kept(self, caption: str, size: tuple[int, int]) -> Cond:
        def make() -> dict[str, Tensor]:
            cond = self.family.encode(self.model, [caption], LITERAL, {}, setting(size))[0]
            return {"context": cond.context, **{f"extra.{name}": tensor for name, tensor in cond.extra.items()}}

        found = self.cache.get({"what": "text", "text": caption, "size": size, **self.key}, make)
        return Cond(found["context"], {name.removeprefix("extra."): tensor for name, tensor in found.items() if name != "context"})


def setting(size: tuple[int, int]) -> Setting:
    return Setting(*size)
