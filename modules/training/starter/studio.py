"""Many scenes at once, by number: drawn by several processes side by side where there are cores for it, and kept in memory while there is room. No torch.

A number stands for the same scene wherever and whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType

import numpy as np

from modules.training.order import seed_of
from modules.training.starter.drawing import Drawing
from modules.training.starter.package import Package, read
from modules.training.starter.scenes import Scene, scene

AHEAD = 2
"""Chunks that each process draws before they are asked for."""
KNOWN = 2**17
"""Scenes whose things and places are remembered."""


@dataclass
class Studio:
    """path, package: the package and as many of its things as are drawn. side: of pictures, in pixels. seed: of all scenes. processes: beside this one; 0: none.
    chunk: scenes that are drawn at a time. kept: chunks that stay in memory."""

    path: Path
    package: Package
    side: int
    seed: int
    processes: int = 0
    chunk: int = 512
    kept: int = 4
    _chunks: dict[int, np.ndarray | Future[np.ndarray]] = field(default_factory=dict)
    _pool: ProcessPoolExecutor | None = None

    def __post_init__(self) -> None:
        self.names = tuple(one.name for one in self.package.cutouts)
        self.plurals = {one.name: one.plural for one in self.package.cutouts}
        self.drawing = Drawing(self.package.cutouts, self.side)
        self.scene = lru_cache(maxsize=KNOWN)(self._scene)

    def __enter__(self) -> Studio:
        if self.processes:
            self._pool = ProcessPoolExecutor(self.processes, get_context("spawn"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _scene(self, number: int) -> Scene:
        return scene(self.names, seed_of("scene", self.seed, number))

    def picture(self, number: int) -> np.ndarray:
        """-> [side, side, 3] uint8."""
        return self.pictures_of(number // self.chunk)[number % self.chunk]

    def pictures(self, numbers: Sequence[int]) -> np.ndarray:
        """-> [n, side, side, 3] uint8."""
        return np.stack([self.picture(number) for number in numbers])

    def pictures_of(self, chunk: int, last: int | None = None) -> np.ndarray:
        """A chunk of them, [chunk, side, side, 3] uint8. last: the chunk at which whoever asks in order will end."""
        found = self._chunks.pop(chunk, None)
        if self._pool:
            end = chunk + 1 + AHEAD * self.processes
            for coming in range(chunk + 1, end if last is None else min(end, last)):
                if coming not in self._chunks:
                    self._chunks[coming] = self._pool.submit(_drawn, self.path, len(self.names), self.side, self.seed, self.chunk, coming)
        pictures = found.result() if isinstance(found, Future) else self.drawn(chunk) if found is None else found
        self._chunks[chunk] = pictures  # the latest last
        whole = [number for number, one in self._chunks.items() if not isinstance(one, Future)]
        for number in whole[: -max(self.kept, 1)]:
            del self._chunks[number]
        return pictures

    def drawn(self, chunk: int) -> np.ndarray:
        return np.stack([self.drawing.draw(self.scene(number)) for number in range(chunk * self.chunk, (chunk + 1) * self.chunk)])


@lru_cache(maxsize=1)
def _studio(path: Path, first: int, side: int, seed: int, chunk: int) -> Studio:
    return Studio(path, read(path, first), side, seed, chunk=chunk)


def _drawn(path: Path, first: int, side: int, seed: int, chunk: int, number: int) -> np.ndarray:
    """In a process that only draws."""
    return _studio(path, first, side, seed, chunk).drawn(number)
