"""How much memory there is, what a model needs of it, and where its networks go accordingly. Plain numbers: knows no torch and no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from modules.core.options import Placement

ENCODERS = "text_encoder"
"""What the names of text encoders begin with."""
WORKING = 2 * 2**30
"""Bytes that a picture takes beside the weights, where nothing more exact is known."""
AHEAD: Mapping[Placement, int] = {"group": 2**28, "lowvram": 2**26}
"""Bytes of layers that are where the work is, or on their way there, where layers come one by one."""
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
USES = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"))


def free_memory() -> int:
    """Bytes of the machine's memory that can still be had, within the limit of a container."""
    free = int(psutil.virtual_memory().available)
    for limit, use in zip(LIMITS, USES, strict=True):
        try:
            free = min(free, int(limit.read_text()) - int(use.read_text()) + _cached(limit.parent))
        except (OSError, ValueError):  # no container, or one without a limit
            continue
    return max(free, 0)


def _cached(folder: Path) -> int:
    """Bytes of files that the system keeps in memory and would give up."""
    found = [line.split() for line in (folder / "memory.stat").read_text().splitlines()]
    return sum(int(value) for name, value in found if name in ("active_file", "inactive_file", "total_active_file", "total_inactive_file"))


@dataclass(frozen=True)
class Work:
    """Bytes that a picture takes beside its model's weights. drawing: of a call of what denoises. decoding: of the autoencoder with all of the picture at once; tiled:
    tile by tile, the same where one tile is all of it. beside: of networks that are there meanwhile."""

    drawing: int = WORKING
    decoding: int = 0
    tiled: int = 0
    beside: int = 0

    def at_most(self, tiled: bool) -> int:
        return self.beside + max(self.drawing, self.tiled if tiled else self.decoding)


class Decision(NamedTuple):
    """placement: never "auto". tiled: the autoencoder works tile by tile. weights: bytes of them that lie where the work is. needed: with the work, at the most."""

    placement: Placement
    tiled: bool
    weights: int
    needed: int


def decided(wanted: Placement, sizes: Mapping[str, int], free: int, work: Work, tiled: bool = False) -> Decision:
    """What is done about memory: what is told before a run and what the run does are both this. sizes, free: as `chosen` has them. tiled: asked for.
    Tiles go before another placement, for they cost less."""
    placement = chosen(wanted, sizes, free, work.at_most(True))
    weights = held(placement, sizes)
    tiled = work.tiled < work.decoding and (tiled or weights + work.beside + work.decoding > free)
    return Decision(placement, tiled, weights, peak(placement, sizes, work.at_most(tiled)))


def chosen(wanted: Placement, sizes: Mapping[str, int], free: int, working: int = WORKING) -> Placement:
    """`auto` made concrete: the fastest placement that fits. sizes: bytes of the weights of each network, by the name of its part. free: bytes that the weights
    and the work may take together. working: bytes of the work beside the weights."""
    if wanted != "auto":
        return wanted
    return next((one for one in ("resident", "encoders", "medvram") if peak(one, sizes, working) <= free), "group")


def peak(placement: Placement, sizes: Mapping[str, int], working: int) -> int:
    """Bytes at the most, of weights and work. Text encoders that leave are gone when the work begins."""
    if placement == "encoders":
        return held(placement, sizes) + max(working, max((size for name, size in sizes.items() if name.startswith(ENCODERS)), default=0))
    return held(placement, sizes) + working


def held(placement: Placement, sizes: Mapping[str, int]) -> int:
    """Bytes of weights that lie where the work is, while it is done."""
    whole, largest = sum(sizes.values()), max(sizes.values(), default=0)
    if placement in ("auto", "resident"):
        return whole
    if placement == "encoders":
        return whole - sum(size for name, size in sizes.items() if name.startswith(ENCODERS))
    if placement == "medvram":
        return largest
    return min(largest, AHEAD[placement])


def resting(placement: Placement, sizes: Mapping[str, int]) -> int:
    """Bytes of weights that lie where the work is while none is done. What takes turns, network by network or layer by layer, is away then."""
    return held(placement, sizes) if placement in ("resident", "encoders") else 0


TILE = 512
"""Pixels to a side of an autoencoder's tile (`networks.vae_tiles`)."""


def decoding(widths: Sequence[int], height: int, width: int, itemsize: int, tiled: bool = False) -> int:
    """Bytes that an autoencoder takes beside its weights for a picture in pixels. widths: its channels by level, from the picture on.
    At full size three tensors of the second level's channels stand beside each other, or five of the first's; measured, `benchmarks/memory.py`."""
    pixels = min(height, TILE) * min(width, TILE) if tiled else height * width
    whole = 16 * height * width if tiled else 12 * height * width
    return pixels * max(3 * widths[min(1, len(widths) - 1)], 5 * widths[0]) * itemsize + whole
