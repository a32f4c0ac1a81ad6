"""Streamed tensors against torch's own conversions and safetensors' own reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from modules.catalog import header
from modules.core.errors import BadModelFile, OutputTrouble
from modules.networks import streaming
from modules.networks.streaming import CHUNK, Source, decoded, encoded, write

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}


def quiet(share: float) -> None:
    assert 0 <= share <= 1


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F8_E4M3", "F8_E5M2"])
def test_every_value_of_the_small_types_is_read_as_torch_reads_it(dtype: str) -> None:
    bits = torch.arange(256, dtype=torch.uint8) if dtype.startswith("F8") else torch.arange(65536, dtype=torch.int32).to(torch.uint16)
    numbers = bits.view(TYPES[dtype])
    ours = decoded(numbers.view(torch.uint8).numpy(), dtype)
    assert np.array_equal(ours, numbers.float().numpy(), equal_nan=True)


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_halves_are_rounded_as_torch_rounds_them(dtype: str) -> None:
    numbers = torch.randn(200_000, generator=torch.Generator().manual_seed(3)) * torch.logspace(-9, 4, 200_000)
    ties = torch.arange(65536, dtype=torch.int32) * 65536 + 0x8000  # half way between two bfloat16
    numbers = torch.cat([numbers, ties.view(torch.float32)[:0x7F00]])
    numbers = numbers[numbers.abs() < (65504 if dtype == "F16" else 3e38)]
    ours = encoded(numbers.numpy(), dtype)
    assert np.array_equal(ours, numbers.to(TYPES[dtype]).view(torch.uint16).numpy().view(ours.dtype), equal_nan=dtype == "F16")


def test_what_is_too_large_for_a_half_is_the_largest_and_nan_stays() -> None:
    odd = np.array([1e6, -1e6, np.inf, np.nan], np.float32)
    assert np.array_equal(encoded(odd, "F16").astype(np.float32), [65504, -65504, 65504, np.nan], equal_nan=True)
    assert np.isnan(decoded(encoded(odd, "BF16").view(np.uint8), "BF16")[3])


def test_a_file_passes_through_bit_by_bit_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CHUNK", 7)
    tensors = {f"a{name}": torch.randn(3, 11).to(kind) for name, kind in TYPES.items()} | {
        "count": torch.arange(5),
        "none": torch.zeros(0, 4),
        "one": torch.tensor(2.5),
    }
    save_file(tensors, tmp_path / "a.safetensors", {"who": "me"})
    source = Source.open(tmp_path / "a.safetensors")
    shares: list[float] = []
    write(tmp_path / "b.safetensors", (source.copied(name) for name in source.tensors), source.header.metadata, shares.append)
    again = load_file(tmp_path / "b.safetensors")
    assert {name: tensor.view(torch.uint8).tolist() if tensor.ndim else tensor.item() for name, tensor in again.items()} == {
        name: tensor.view(torch.uint8).tolist() if tensor.ndim else tensor.item() for name, tensor in tensors.items()
    }
    with safe_open(tmp_path / "b.safetensors", "pt") as file:
        assert file.metadata() == {"who": "me"}
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares)
    found = header.read(tmp_path / "b.safetensors")
    assert all((first - 8) % header.SIZES[found.tensors[name].dtype] == 0 for name, (first, _) in found.offsets.items()), "every tensor is aligned"
    assert CHUNK > 10**6


def test_nothing_is_written_over_and_nothing_is_left_of_a_stopped_write(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(4)}, tmp_path / "a.safetensors")
    source = Source.open(tmp_path / "a.safetensors")
    with pytest.raises(OutputTrouble, match="exists already"):
        write(tmp_path / "a.safetensors", [source.copied("a")], {}, quiet)

    def stop(share: float) -> None:
        if share:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "b.safetensors", [source.copied("a")], {}, stop)
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-3])
    with pytest.raises(BadModelFile):
        write(tmp_path / "b.safetensors", [source.copied("a")], {}, quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors"]
