"""Views over weights, so that a network may be filled whichever way a file keeps its tensors: under other names, several fused into one. Knows no layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from modules.networks.packed import Kept

Shape = tuple[int, ...]


class Source(Protocol):
    """Tensors by name. `networks.weights.Weights` is one."""

    shapes: dict[str, Shape]

    def kept(self, name: str) -> Kept | None:
        """A matrix that the file keeps in few bits, as it keeps it; its numbers are those that `read` gives. None for any other tensor."""

    def read(self, names: Iterable[str], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """These tensors on the CPU, each in memory of its own, in `dtype` (None: as they are kept). Raises BadModelFile when a file has changed or gone."""


class Named:
    """Tensors of a source under other names. names: here -> there."""

    def __init__(self, source: Source, names: Mapping[str, str]) -> None:
        self._source, self._names = source, names
        self.shapes = {here: source.shapes[there] for here, there in names.items()}

    def read(self, names: Iterable[str], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        wanted = {name: self._names[name] for name in names}
        found = self._source.read(dict.fromkeys(wanted.values()), dtype)
        return {here: found[there] for here, there in wanted.items()}

    def kept(self, name: str) -> Kept | None:
        return self._source.kept(self._names[name])


def under(source: Source, prefix: str, to: str = "") -> Named:
    """What stands under a prefix, named without it, or with another in its place."""
    return Named(source, {to + name[len(prefix) :]: name for name in source.shapes if name.startswith(prefix)})


class Piece(NamedTuple):
    """Rows first to last (exclusive; None: to the end) of a file's tensor. swapped: its two halves the other way round."""

    name: str
    first: int = 0
    last: int | None = None
    swapped: bool = False


class Pieces:
    """Tensors cut out of those of a source. pieces: by the name they are asked for; those whose tensor the source lacks are not there."""

    def __init__(self, source: Source, pieces: Mapping[str, Piece]) -> None:
        self._source, self._pieces = source, pieces
        self._last: tuple[str, Kept | None] = ("", None)
        self.shapes = {here: _shape(source.shapes[piece.name], piece) for here, piece in pieces.items() if piece.name in source.shapes}

    def read(self, names: Iterable[str], dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """One tensor of the file after the other, so that fused and cut ones are never all held at once."""
        by_file: dict[str, list[str]] = {}
        for name in names:
            by_file.setdefault(self._pieces[name].name, []).append(name)
        found: dict[str, Tensor] = {}
        for inside, wanted in by_file.items():
            whole = self._source.read([inside], dtype)[inside]
            for name in wanted:
                found[name] = _cut(whole, self._pieces[name])
        return found

    def kept(self, name: str) -> Kept | None:
        piece = self._pieces[name]
        if self._last[0] != piece.name:  # its other pieces are likely to follow
            self._last = piece.name, self._source.kept(piece.name)
        whole = self._last[1]
        if whole is None or piece.first == 0 and piece.last is None and not piece.swapped:
            return whole
        return whole.swapped() if piece.swapped else whole.rows(piece.first, piece.last)


def _shape(shape: Shape, piece: Piece) -> Shape:
    if not shape:
        return shape
    return (len(range(*slice(piece.first, piece.last).indices(shape[0]))), *shape[1:])


def _cut(whole: Tensor, piece: Piece) -> Tensor:
    if piece.swapped:
        return torch.cat(list(reversed(whole.chunk(2))))
    if piece.first == 0 and piece.last is None:
        return whole
    return whole[piece.first : piece.last].clone()
