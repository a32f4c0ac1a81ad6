"""Tensors are read exactly, into memory of their own, aligned however the file lays them out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from modules.core.errors import BadModelFile
from modules.networks.weights import Weights

KINDS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_of_number(tmp_path: Path, kind: torch.dtype) -> None:
    wanted = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).to(kind)
    save_file({"x": wanted, "odd": torch.ones(1, dtype=torch.uint8)}, tmp_path / "x.safetensors")
    read = Weights([tmp_path / "x.safetensors"]).read(["x"], torch.float32)["x"]
    assert read.dtype == torch.float32 and torch.equal(read, wanted.float())


def test_memory_is_owned_and_aligned(tmp_path: Path) -> None:
    tensors = {"a": torch.ones(1, dtype=torch.float16), "b": torch.arange(7, dtype=torch.float32), "empty": torch.zeros(0), "scalar": torch.tensor(2.0)}
    path = tmp_path / "x.safetensors"
    save_file(tensors, path)
    read = Weights([path]).read(tensors, torch.float32)
    path.unlink()
    for name, tensor in tensors.items():
        assert torch.equal(read[name], tensor.float()) and read[name].data_ptr() % 16 == 0
    read["b"] += 1  # writable


def test_several_files_are_one(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "1.safetensors")
    save_file({"b": torch.zeros(3), "index": torch.arange(3)}, tmp_path / "2.safetensors")
    weights = Weights([tmp_path / "1.safetensors", tmp_path / "2.safetensors"])
    assert weights.shapes == {"a": (2,), "b": (3,)}
    assert set(weights.read(["b", "a"], torch.float16)) == {"a", "b"}


def test_a_file_that_shrank_or_went_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(100)}, path)
    weights = Weights([path])
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BadModelFile, match="ended early"):
        weights.read(["a"], torch.float32)
    path.unlink()
    with pytest.raises(BadModelFile, match="x.safetensors"):
        weights.read(["a"], torch.float32)
