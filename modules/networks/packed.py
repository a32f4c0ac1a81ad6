"""Layers whose weights stay in few bits while they are loaded, and become numbers again, layer by layer, while they compute.

    int8   each row a whole number times a scale of the row's      8 bits of a number, and a scale for a row
    nf4    sixteen levels times the largest of 64 numbers          4.5 bits of a number     Dettmers et al. 2023, "QLoRA"

and whatever a file keeps in few bits itself (`networks.quantised`). A layer stays the linear layer or the convolution that it was; only its `weight` holds
codes, so that whatever moves weights moves those. Knows layers, no network's names and no file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

Kind = Literal["int8", "nf4"]
BLOCK = 64
"""Numbers that share a scale in nf4."""
SHORTEST = 16
"""Numbers of a row at least; a scale for fewer would weigh as much as is saved."""
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
"""Quantiles of a normal distribution between -1 and 1, as bitsandbytes has them."""


class Code(Protocol):
    """How codes are numbers: (codes [rows, n], scales, levels) -> [rows, columns], float32 or as many digits as they have, where the codes lie."""

    def __call__(self, codes: Tensor, scales: Tensor | None, levels: Tensor | None) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Kept:
    """A weight in few bits. codes: int8, [rows, n]. scales: float32, by rows as well. levels: float32, what codes stand for, where that is a table.
    shape: of the numbers."""

    codes: Tensor
    shape: tuple[int, ...]
    code: Code
    scales: Tensor | None = None
    levels: Tensor | None = None

    def rows(self, first: int, last: int | None) -> Kept:
        """Some of its rows, in memory of their own."""
        codes = self.codes[first:last].clone()
        scales = None if self.scales is None else self.scales[first:last].clone()
        return replace(self, codes=codes, scales=scales, shape=(len(codes), *self.shape[1:]))

    def swapped(self) -> Kept:
        """Its two halves the other way round."""
        codes, scales = (None if one is None else torch.cat(list(reversed(one.chunk(2)))) for one in (self.codes, self.scales))
        assert codes is not None
        return replace(self, codes=codes, scales=scales)


def whole_numbers(codes: Tensor, scales: Tensor | None, levels: Tensor | None) -> Tensor:
    assert scales is not None
    return codes * scales


def of_levels(codes: Tensor, scales: Tensor | None, levels: Tensor | None) -> Tensor:
    """Two numbers in a byte, the first in its upper half. scales: [rows, blocks]. levels: [256, 2], both numbers of each byte."""
    assert scales is not None and levels is not None
    pairs = levels.index_select(0, codes.view(torch.uint8).reshape(-1).int())
    return (pairs.view(*scales.shape, -1) * scales[..., None]).reshape(len(codes), -1)


def table(levels: Tensor) -> Tensor:
    """Sixteen levels -> [256, 2], what each byte stands for."""
    byte = torch.arange(256)
    return levels.float()[torch.stack([byte >> 4, byte & 15], 1)]


def kept(weight: Tensor, kind: Kind) -> Kept:
    """A weight of floating numbers, [out, in, ...], in few bits; the same ones give the same codes. A row that is no whole number of blocks goes into int8."""
    rows = weight.detach().float().reshape(len(weight), -1)
    if kind == "int8" or rows.shape[1] % BLOCK:
        scales = rows.abs().amax(1, keepdim=True) / 127
        return Kept((rows / _divisor(scales)).round_().to(torch.int8), tuple(weight.shape), whole_numbers, scales)
    blocks = rows.view(len(rows), -1, BLOCK)
    scales = blocks.abs().amax(2)
    levels = torch.tensor(NF4, device=weight.device)
    nearest = torch.bucketize(blocks / _divisor(scales)[..., None], (levels[1:] + levels[:-1]) / 2, out_int32=True).to(torch.uint8).view(len(rows), -1)
    return Kept((nearest[:, ::2] << 4 | nearest[:, 1::2]).view(torch.int8), tuple(weight.shape), of_levels, scales, table(levels.cpu()).to(weight.device))


def _divisor(scales: Tensor) -> Tensor:
    return torch.where(scales == 0, 1, scales)  # of zeros alone


def suits(layer: nn.Module) -> bool:
    """Whether a layer's weight can be kept so: a plain linear layer, or a plain convolution, with rows worth a scale."""
    if type(layer) not in PACKED:
        return False
    weight = layer.weight
    return isinstance(weight, Tensor) and weight.dim() > 1 and weight[0].numel() >= SHORTEST


class Packed(nn.Module):
    """What packed layers have in common. weight: the codes. form: the shape of the numbers; number: the type that they compute in.
    added: what adapters add to the weight, given it as float32; None for nothing."""

    scales: Tensor | None
    levels: Tensor | None
    code: Code
    number: torch.dtype
    form: tuple[int, ...]
    added: Callable[[Tensor], Tensor] | None

    def bare(self) -> Tensor:
        """The layer's own weight, made anew: in its shape and type, where the codes lie."""
        codes: Any = self.weight
        scales, levels = (None if one is None else one.to(codes.device) for one in (self.scales, self.levels))  # what is small stays where the work is
        return self.code(codes, scales, levels).reshape(self.form).to(self.number)

    def numbers(self) -> Tensor:
        """The weight with which it computes."""
        own = self.bare()
        if self.added is None:
            return own
        plain = own.float()
        return (plain + self.added(plain)).to(self.number)


class PackedLinear(Packed, nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.numbers(), self.bias)


class PackedConv2d(Packed, nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.numbers(), self.bias)


PACKED: dict[type[nn.Module], type[Packed]] = {nn.Linear: PackedLinear, nn.Conv2d: PackedConv2d}


def pack(layer: nn.Module, weight: Kept, number: torch.dtype) -> None:
    """The layer, from now on, keeps its weight so and computes in `number`. What stands on it, stays."""
    made: Any = layer
    del made.weight
    made.__class__ = PACKED[type(layer)]
    made.weight = nn.Parameter(weight.codes, requires_grad=False)
    for name, tensor in (("scales", weight.scales), ("levels", weight.levels)):  # no parameters: those tell others in which type a network computes
        made.register_buffer(name, tensor)
    made.code, made.number, made.form, made.added = weight.code, number, weight.shape, None
