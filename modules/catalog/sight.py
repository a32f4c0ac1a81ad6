"""How a header is looked at: all its names as one text in which marks are searched, and shapes as the network has them. Knows no model.

A mark is a piece of a tensor's name; ^ and $ stand for the name's start and end. A search is one pass of `str.find` over some 100 kB, so a table of
many marks costs microseconds each. Weights of four bits lie as flat bytes: their true shape is worked out from the bias beside them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

from modules.catalog.header import Entry

PACKED = (".absmax", ".quant_map")
"""What bitsandbytes puts beside a weight of four bits (NF4, FP4)."""


RUN = 120


class Sight:
    """names, as they are in the file, or as one part of it calls them."""

    def __init__(self, tensors: Mapping[str, Entry]) -> None:
        self.tensors = tensors
        self._found: dict[str, bool] = {}

    @cached_property
    def text(self) -> str:
        return "\n".join(("", *self.tensors, ""))

    @cached_property
    def sample(self) -> Sight:
        """A few hundred of the names, in runs from beginning, middle and end: enough to see what almost all of them have."""
        count = len(self.tensors)
        if count <= 3 * RUN:
            return self
        names = list(self.tensors)
        return Sight({name: self.tensors[name] for start in (0, count // 2, count - RUN) for name in names[start : start + RUN]})

    def has(self, mark: str) -> bool:
        if mark not in self._found:
            self._found[mark] = _plain(mark) in self.text
        return self._found[mark]

    def any(self, *marks: str) -> bool:
        return any(map(self.has, marks))

    def name(self, mark: str) -> str:
        """The first name with this mark; "" where there is none."""
        plain = _plain(mark)
        place = self.text.find(plain)
        if place < 0:
            return ""
        begin = place + 1 if plain.startswith("\n") else self.text.rfind("\n", 0, place + 1) + 1
        return self.text[begin : self.text.find("\n", begin)]

    def shape(self, mark: str) -> tuple[int, ...]:
        """The shape of the first tensor with this mark; () where there is none or it cannot be told."""
        name = self.name(mark)
        return self.true_shape(name) if name else ()

    def true_shape(self, name: str) -> tuple[int, ...]:
        entry = self.tensors[name]
        if entry.dtype == "U8" and any(f"{name}{end}" in self.tensors for end in PACKED):
            out = self._out(name.removesuffix(".weight"))
            return (out, 2 * math.prod(entry.shape) // out) if out else ()
        return entry.shape

    def _out(self, layer: str) -> int:
        """Outputs of a layer by its bias; of keys and values, which have none, by what their attention puts out. 0 when that is not there."""
        beside = (f"{layer}.bias", f"{layer.rpartition('.')[0]}.to_out.0.bias")
        return next((math.prod(self.tensors[name].shape) for name in beside if name in self.tensors), 0)

    def side(self, mark: str, axis: int) -> int:
        """One side of that shape; 0 where there is none."""
        shape = self.shape(mark)
        return shape[axis] if -len(shape) <= axis < len(shape) else 0

    def under(self, prefix: str) -> Sight:
        """What lies under a prefix, named without it."""
        return Sight({name[len(prefix) :]: entry for name, entry in self.tensors.items() if name.startswith(prefix)})


def _plain(mark: str) -> str:
    return mark.replace("^", "\n").replace("$", "\n")
