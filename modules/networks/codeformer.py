"""CodeFormer: a face -> the same face out of a book of good details, as near to the one given as a weight says.

Source: "Towards Robust Blind Face Restoration with Codebook Lookup Transformer" (Zhou et al., 2022) and the names of the tensors in codeformer.pth, from which
the network is built block by block; only the number of heads and of groups is not in them. Written anew: the authors' code has a licence of its own, as have their
weights (S-Lab License 1.0, not for commercial use). Knows no file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS, GROUPS = 8, 32


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, channels, eps=1e-6)


class _Residual(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(inside), nn.Conv2d(inside, outside, 3, padding=1)
        self.norm2, self.conv2 = _norm(outside), nn.Conv2d(outside, outside, 3, padding=1)
        if inside != outside:
            self.conv_out = nn.Conv2d(inside, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        changed = self.conv2(functional.silu(self.norm2(self.conv1(functional.silu(self.norm1(x))))))
        return changed + (self.conv_out(x) if hasattr(self, "conv_out") else x)


class _Attention(nn.Module):
    """Each place of a picture looks at all others; one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        normal = self.norm(x)
        q, k, v = (layer(normal).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return x + self.proj_out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape))


class _Halved(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x, (0, 1, 0, 1)))


class _Doubled(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.interpolate(x, scale_factor=2.0))


class _Blocks(nn.Module):
    """shapes: of the tensors "<number>.<name>", which say what each block is. resize: what a lone convolution named "conv" does."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], resize: type[_Halved] | type[_Doubled]) -> None:
        super().__init__()
        numbers = sorted({int(name.split(".")[0]) for name in shapes})
        self.blocks = nn.ModuleList(
            _block({key.split(".", 1)[1]: shape for key, shape in shapes.items() if key.split(".")[0] == str(n)}, resize) for n in numbers
        )


def _block(shapes: Mapping[str, tuple[int, ...]], resize: type[_Halved] | type[_Doubled]) -> nn.Module:
    if "conv1.weight" in shapes:
        outside, inside = shapes["conv1.weight"][:2]
        return _Residual(inside, outside)
    if "q.weight" in shapes:
        return _Attention(shapes["q.weight"][0])
    if "conv.weight" in shapes:
        return resize(shapes["conv.weight"][0])
    if len(shapes["weight"]) == 4:
        outside, inside, side, _ = shapes["weight"]
        return nn.Conv2d(inside, outside, side, padding=side // 2)
    return _norm(shapes["weight"][0])


class _Layer(nn.Module):
    """A layer of the transformer; places are told by adding where they are to what asks and to what is asked."""

    def __init__(self, width: int, wide: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, HEADS)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.linear1, self.linear2 = nn.Linear(width, wide), nn.Linear(wide, width)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """x, places [places, B, width]."""
        normal = self.norm1(x)
        x = x + self.self_attn(normal + places, normal + places, normal, need_weights=False)[0]
        return x + self.linear2(functional.gelu(self.linear1(self.norm2(x))))


class _Fusing(nn.Module):
    """Brings what the encoder saw at a size into the generator at that size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encode_enc = _Residual(2 * channels, channels)
        self.scale, self.shift = (
            nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(channels, channels, 3, padding=1)) for _ in range(2)
        )

    def forward(self, seen: Tensor, drawn: Tensor, weight: float) -> Tensor:
        both = self.encode_enc(torch.cat([seen, drawn], 1))
        return drawn + weight * (drawn * self.scale(both) + self.shift(both))


class CodeFormer(nn.Module):
    """shapes: of all tensors of the file. Raises KeyError, ValueError for such as make no network of this kind."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.encoder = _Blocks(_below(shapes, "encoder.blocks."), _Halved)
        self.generator = _Blocks(_below(shapes, "generator.blocks."), _Doubled)
        entries, channels = shapes["quantize.embedding.weight"]
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(entries, channels)})
        places, width = shapes["position_emb"]
        self.position_emb = nn.Parameter(torch.zeros(places, width))
        self.feat_emb = nn.Linear(shapes["feat_emb.weight"][1], width)
        depth = 1 + max(int(name.split(".")[1]) for name in shapes if re.match(r"ft_layers\.\d+\.", name))
        self.ft_layers = nn.ModuleList(_Layer(width, shapes["ft_layers.0.linear1.weight"][0]) for _ in range(depth))
        self.idx_pred_layer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, shapes["idx_pred_layer.1.weight"][0], bias=False))
        sizes = [match[1] for name in shapes if (match := re.fullmatch(r"fuse_convs_dict\.(\d+)\.scale\.0\.weight", name))]
        self.fuse_convs_dict = nn.ModuleDict({size: _Fusing(shapes[f"fuse_convs_dict.{size}.scale.0.weight"][0]) for size in sizes})
        self.side = math.isqrt(places) * 2 ** sum(isinstance(block, _Halved) for block in self.encoder.blocks)
        """Pixels of a face's side."""

    def forward(self, face: Tensor, weight: float) -> Tensor:
        """face [1, 3, side, side] in -1..1 -> the same, not clamped. weight: 0 draws most of it anew, 1 stays nearest to the one given."""
        seen: dict[str, Tensor] = {}
        x = face
        for block in self.encoder.blocks:
            if isinstance(block, _Halved):
                seen[str(x.shape[-1])] = x
            x = block(x)
        drawn = _toned(self._looked_up(x), x)
        fresh = False
        for block in self.generator.blocks:
            drawn = block(drawn)
            size = str(drawn.shape[-1])
            if fresh and weight > 0 and size in self.fuse_convs_dict:
                drawn = self.fuse_convs_dict[size](seen[size], drawn, weight)
            fresh = isinstance(block, _Doubled)
        return drawn

    def _looked_up(self, features: Tensor) -> Tensor:
        """[1, C, h, w] -> the book's entry for each place, [1, C, h, w]."""
        rows = self.feat_emb(features.flatten(2).permute(2, 0, 1))
        for layer in self.ft_layers:
            rows = layer(rows, self.position_emb[:, None])
        entries = self.quantize["embedding"](self.idx_pred_layer(rows)[:, 0].argmax(1))
        return entries.T.reshape(1, -1, *features.shape[2:])


def _toned(drawn: Tensor, like: Tensor) -> Tensor:
    """With the mean and spread of `like`, channel by channel: the light of the picture that the face stands in."""
    (mean, spread), (wanted, wide) = ((x.mean((2, 3), keepdim=True), (x.var((2, 3), keepdim=True) + 1e-5).sqrt()) for x in (drawn, like))
    return (drawn - mean) / spread * wide + wanted


def _below(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> dict[str, tuple[int, ...]]:
    return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
