"""The header reader takes what the format allows and refuses the rest with the reason, whatever the bytes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from modules.catalog import header
from modules.core.errors import BadModelFile
from tests.catalog.files import raw, table, write

ROW = {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}


def test_it_agrees_with_the_reference_writer(tmp_path: Path) -> None:
    tensors = {"b": torch.arange(6, dtype=torch.float32).reshape(2, 3), "a": torch.ones(4, dtype=torch.bfloat16), "empty": torch.zeros(0, 5)}
    save_file(tensors, tmp_path / "x.safetensors", {"format": "pt"})
    found = header.read(tmp_path / "x.safetensors")
    assert {name: entry.shape for name, entry in found.tensors.items()} == {"b": (2, 3), "a": (4,), "empty": (0, 5)}
    assert found.tensors["a"].dtype == "BF16"
    assert found.metadata == {"format": "pt"}
    first, last = found.offsets["b"]
    assert (tmp_path / "x.safetensors").read_bytes()[first:last] == tensors["b"].numpy().tobytes()
    assert found.shape("b") == (2, 3) and found.shape("nothing") == ()


def test_file_order_is_kept(tmp_path: Path) -> None:
    assert list(header.read(write(tmp_path / "x.safetensors", {"z": (1,), "a": (2,), "m": (3,)})).tensors) == ["z", "a", "m"]


WRONG = [
    (b"", "only 0 bytes"),
    (b"\x01\x02", "only 2 bytes"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS"),
    (b"<!DOCTYPE html><html><head><title>Not found</title>", "web page"),
    (b"PK\x03\x04" + bytes([255] * 60), "pickle"),
    (struct.pack("<Q", 2**60) + b"x" * 50, "no safetensors file"),
    (struct.pack("<Q", 500) + b"{}", "cut short"),
    (raw(b"not json"), "no readable JSON"),
    (raw(b"\xff\xfe{}"), "no readable JSON"),
    (raw(b"[" * 100_000), "no readable JSON"),
    (raw([1, 2]), "no table"),
    (raw(b'{"a": %b, "a": %b}' % ((b'{"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]}',) * 2), bytes(8)), "twice"),
    (raw({"a": ROW}, bytes(7)), "cut short"),
    (raw({"a": ROW}, bytes(9)), "follow its last tensor"),
    (raw({"a": {**ROW, "shape": [-2, -2]}}, bytes(8)), "whole numbers"),
    (raw({"a": {**ROW, "shape": [2.0, 2]}}, bytes(8)), "whole numbers"),
    (raw({"a": {**ROW, "shape": [True, 4]}}, bytes(8)), "whole numbers"),
    (raw({"a": {**ROW, "shape": [2**64, 0]}}, b""), "whole numbers"),
    (raw({"a": {**ROW, "shape": [3, 2]}}, bytes(8)), "another number of bytes"),
    (raw({"a": {**ROW, "data_offsets": [8, 0]}}, bytes(8)), "another number of bytes"),
    (raw({"a": {**ROW, "data_offsets": [0]}}, bytes(8)), "whole numbers"),
    (raw({"a": {**ROW, "dtype": "Q4"}}, bytes(8)), "unknown type"),
    (raw({"a": {**ROW, "dtype": None}}, bytes(8)), "unknown type"),
    (raw({"a": "tensor"}), "no tensor"),
    (raw({"a": ROW, "b": ROW}, bytes(8)), "overlaps"),
    (raw({"a": ROW, "b": {**ROW, "data_offsets": [16, 24]}}, bytes(24)), "hole"),
    (raw({"__metadata__": {"steps": 3}}), "no texts"),
]


@pytest.mark.parametrize(("data", "reason"), WRONG, ids=[reason for _, reason in WRONG])
def test_a_damaged_file_is_refused_with_its_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(BadModelFile) as refused:
        header.read(path)
    assert reason in refused.value.what and "model.safetensors" in refused.value.what
    assert refused.value.remedy


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="cannot be read"):
        header.read(tmp_path / "gone.safetensors")
    with pytest.raises(BadModelFile, match="cannot be read"):
        header.read(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_wherever_a_file_is_cut_it_is_noticed(tmp_path: Path, share: float) -> None:
    path = write(tmp_path / "x.safetensors", {"a": (40, 5), "b": (7,)})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadModelFile):
        header.read(path)


@settings(deadline=None)
@given(data=st.binary(max_size=300), header_bytes=st.booleans())
def test_no_bytes_raise_anything_else(tmp_path_factory: pytest.TempPathFactory, data: bytes, header_bytes: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(raw(data) if header_bytes else data)
    try:
        header.read(path)
    except BadModelFile as error:
        assert error.what


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@settings(deadline=None)
@given(row=st.fixed_dictionaries({"dtype": st.sampled_from(["F16", "F32", "X", 3]), "shape": JSON, "data_offsets": JSON}), name=st.text(max_size=8))
def test_no_header_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any], name: str) -> None:
    path = tmp_path_factory.getbasetemp() / "row.safetensors"
    path.write_bytes(raw({name: row}))
    try:
        header.read(path)
    except BadModelFile as error:
        assert error.what


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    """A sparse file of 64 GB would take minutes and more memory than there is."""
    rows, size = table({"a": (2**30, 32)})
    path = tmp_path / "huge.safetensors"
    with open(path, "wb") as file:
        file.write(raw(rows))
        file.truncate(file.tell() + size)
    assert header.read(path).shape("a") == (2**30, 32)


@pytest.mark.parametrize("text", [b'{"__metadata__":{' + b'"":"",' * 2_000_000 + b'"a":""}}', b'{"a":{' + b'"b":0,' * 2_000_000 + b'"c":0}}'])
def test_a_header_of_very_many_entries_is_not_even_parsed(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(raw(text))
    with pytest.raises(BadModelFile, match="entries"):
        header.read(path)
