"""Where weights lie while they are not at work: in the machine's memory; or, where that is what computes, in a file that the system maps in page by page.

Knows tensors, no network. A tensor that waits on the disk can be read as any other; it costs no memory that the system could not take back at once.
"""

from __future__ import annotations

import logging
import mmap
import tempfile
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from modules.core.errors import OutputTrouble

log = logging.getLogger(__name__)


class Waiting(Protocol):
    """mapped: what waits can be read where it lies, and costs no memory there."""

    mapped: bool

    def keep(self, tensor: Tensor) -> Tensor:
        """-> the same numbers where they wait, on the CPU, laid out as they were. Raises OutputTrouble."""

    def soon(self, kept: Tensor) -> None:
        """A kept tensor is about to be read."""

    def read(self, kept: Tensor) -> None:
        """A kept tensor was read, and will not be for a while."""


class InMemory:
    """pinned: in pages that a GPU fetches by itself, beside its work."""

    mapped = False

    def __init__(self, pinned: bool) -> None:
        self._pinned = pinned

    def keep(self, tensor: Tensor) -> Tensor:
        held = tensor.detach().to("cpu")
        if not self._pinned or held.is_pinned():
            return held
        try:
            return held.pin_memory()
        except RuntimeError as error:  # the system lets a process pin so much and no more
            self._pinned = False
            log.warning("No more memory can be pinned; from here on weights wait in plain memory and come more slowly: %s", str(error).partition("\n")[0])
            return held

    def soon(self, kept: Tensor) -> None:
        """They are there."""

    def read(self, kept: Tensor) -> None:
        """They stay there."""


class OnDisk:
    """One file without a name in `folder`; it is gone when nothing maps it any more, and when the process ends."""

    mapped = True

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (lives as long as what is mapped from it)
        except OSError as error:
            raise _full(folder, error) from None
        self._folder, self._end = folder, 0
        self._maps: dict[int, mmap.mmap] = {}

    def keep(self, tensor: Tensor) -> Tensor:
        dense = torch.empty_like(tensor, device="cpu").copy_(tensor)
        shape, stride, dtype = dense.shape, dense.stride(), dense.dtype
        flat = dense.as_strided((dense.numel(),), (1,)).view(torch.uint8)
        start = self._end
        try:
            self._file.seek(start)
            self._file.write(flat.numpy().data)
            self._end = start + -(-flat.numel() // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
            self._file.truncate(self._end)
            self._file.flush()
            view = mmap.mmap(self._file.fileno(), flat.numel(), access=mmap.ACCESS_COPY, offset=start)
        except OSError as error:
            raise _full(self._folder, error) from None
        kept = torch.frombuffer(view, dtype=torch.uint8).view(dtype).as_strided(shape, stride)
        self._maps[kept.data_ptr()] = view
        return kept

    def soon(self, kept: Tensor) -> None:
        view = self._maps.get(kept.data_ptr())
        if view is not None and hasattr(mmap, "MADV_WILLNEED"):
            view.madvise(mmap.MADV_WILLNEED)

    def read(self, kept: Tensor) -> None:
        view = self._maps.get(kept.data_ptr())
        if view is not None and hasattr(mmap, "MADV_DONTNEED"):
            view.madvise(mmap.MADV_DONTNEED)  # what was never written comes from the file again


def _full(folder: Path, error: OSError) -> OutputTrouble:
    return OutputTrouble(
        f"The weights cannot be laid into {folder} while they wait: {error.strerror or error}.", "Make room there, or start without --medvram and --lowvram."
    )
