"""What a training leaves where the disk is full: nothing, and the project's own error."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors import SafetensorError
from torch import nn

from modules.core.errors import OutputTrouble
from modules.training import results
from tests.networks import tiny

if sys.platform != "win32":
    import resource

    @contextmanager
    def largest(size: int) -> Iterator[None]:
        """Inside, the system lets no file grow beyond so many bytes."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files there")
@pytest.mark.parametrize("where", ["weights", "copies"])
def test_a_unet_that_cannot_be_written_leaves_nothing(tmp_path: Path, where: str) -> None:
    """By safetensors' own writer, which raises an error of its own, and by copies of several files, whose errors stand in words only."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "model_index.json").write_text("{}" + " " * (200_000 if where == "copies" else 0))
    with largest(100_000), pytest.raises(OutputTrouble, match=r"learnt could not be written: File too large"):
        results.write_unet(tmp_path / "models" / "learnt", source, tiny.parts()[0])
    assert os.listdir(tmp_path / "models") == []
    results.write_unet(tmp_path / "models" / "learnt", source, tiny.parts()[0])
    assert sorted(os.listdir(tmp_path / "models" / "learnt")) == ["model_index.json", "unet"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
    ],
)
def test_a_full_disk_is_said_in_the_same_words(tmp_path: Path, error: Exception) -> None:
    class Full(nn.Module):
        def save_pretrained(self, place: Path, safe_serialization: bool) -> None:
            raise error

    (tmp_path / "source").mkdir()
    with pytest.raises(OutputTrouble, match="the disk is full. Free some space"):
        results.write_unet(tmp_path / "learnt", tmp_path / "source", Full())
    assert os.listdir(tmp_path) == ["source"]
