"""A text encoder kept in open_clip's layout (Stable Diffusion 2.x, SDXL's second one), seen under transformers' names, and the other way round.

open_clip keeps query, key and value of an attention in one tensor, and the projection of the pooled text transposed; nothing else differs but the names.
Source: the module tree of open_clip's TextTransformer beside transformers' CLIPTextModelWithProjection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from modules.networks.packed import Kept
from modules.networks.sources import Source

HEADS = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
LAYERS = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
FUSED = ("q_proj", "k_proj", "v_proj")
PROJECTION, TURNED = "text_projection.weight", "text_projection"
LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.")


class OpenClip:
    """What `build.fill` asks of weights. prefix: of the encoder's names in the file. shapes: by transformers' names, without `text_model.`. depth: number of layers."""

    def __init__(self, weights: Source, prefix: str) -> None:
        self._weights = weights
        self._places: dict[str, tuple[str, int | None]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        inside = {name.removeprefix(prefix): shape for name, shape in weights.shapes.items() if name.startswith(prefix)}
        for ours, theirs in HEADS.items():
            self._put(ours, prefix + theirs, inside.get(theirs))
        if len(turned := inside.get(TURNED, ())) == 2:
            self._put(PROJECTION, prefix + TURNED, (turned[1], turned[0]))
        self.depth = depth(inside)
        for layer in range(self.depth):
            block = f"transformer.resblocks.{layer}."
            for end in ("weight", "bias"):
                for ours, theirs in LAYERS.items():
                    self._put(f"encoder.layers.{layer}.{ours}.{end}", f"{prefix}{block}{theirs}.{end}", inside.get(f"{block}{theirs}.{end}"))
                fused = inside.get(f"{block}attn.in_proj_{end}", ())
                for third, ours in enumerate(FUSED if fused else ()):
                    shape = (fused[0] // 3, *fused[1:])
                    self._put(f"encoder.layers.{layer}.self_attn.{ours}.{end}", f"{prefix}{block}attn.in_proj_{end}", shape, third)

    def _put(self, ours: str, theirs: str, shape: tuple[int, ...] | None, third: int | None = None) -> None:
        if shape is not None:
            self._places[ours] = theirs, third
            self.shapes[ours] = shape

    def place(self, name: str) -> tuple[str, str]:
        """(the name in the file, which piece of it: "" for all, "0" to "2" for a third, "turned")."""
        inside, third = self._places[name]
        return inside, "turned" if name == PROJECTION else "" if third is None else str(third)

    def read(self, names: Iterable[str], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """As `Weights.read`: each tensor in memory of its own."""
        wanted = {name: self._places[name] for name in names}
        kept = self._weights.read({place for place, _ in wanted.values()}, dtype)
        found: dict[str, Tensor] = {}
        for name, (place, third) in wanted.items():
            tensor = kept[place] if third is None else kept[place].chunk(3)[third]
            found[name] = (tensor.t() if name == PROJECTION else tensor).clone(memory_format=torch.contiguous_format)
        return found

    def kept(self, name: str) -> Kept | None:
        """Nobody keeps these in few bits."""
        return None


def depth(names: Iterable[str]) -> int:
    """Number of layers, by names without a prefix."""
    return 1 + max((int(found[1]) for name in names if (found := BLOCK.match(name))), default=-1)


def sources(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """The way back: each name in open_clip's layout -> transformers' names that it is put together from (three of a fused one).

    shapes: by transformers' names, with or without `text_model.`."""
    found: dict[str, tuple[str, ...]] = {}
    for name in shapes:
        plain = name.removeprefix("text_model.")
        if plain in HEADS:
            found[HEADS[plain]] = (name,)
        elif plain == PROJECTION:
            found[TURNED] = (name,)
        elif layer := LAYER.fullmatch(plain):
            block, part, end = f"transformer.resblocks.{layer[1]}.", layer[2], layer[3]
            if part in LAYERS:
                found[f"{block}{LAYERS[part]}.{end}"] = (name,)
            elif part == "self_attn.q_proj":
                found[f"{block}attn.in_proj_{end}"] = tuple(name.replace("q_proj", third) for third in FUSED)
    return found
