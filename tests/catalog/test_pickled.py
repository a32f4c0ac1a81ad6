"""The table of tensors in a torch file, read without running the file."""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.catalog import pickled
from modules.core.errors import BadModelFile

WEIGHTS = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2).half(), "steps": torch.tensor(5), "wide": torch.zeros(1, 2, dtype=torch.bfloat16)}
SHAPES = {"a.weight": ("F32", (2, 3)), "a.bias": ("F16", (2,)), "steps": ("I64", ()), "wide": ("BF16", (1, 2))}


class Mine:
    """Would leave a file behind if anything called it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def shapes(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (entry.dtype, entry.shape) for name, entry in pickled.read(path).tensors.items()}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize(
    "kept",
    [
        WEIGHTS,
        collections.OrderedDict(WEIGHTS),
        {"params": {"old": torch.zeros(1)}, "params_ema": WEIGHTS},
        {"state_dict": {"model": WEIGHTS}, "epoch": 3, "lr": 1e-4, "notes": ["x", (1, None, True)]},
        {"anything": WEIGHTS},
    ],
    ids=["dict", "ordered", "ema first", "nested", "single"],
)
def test_tensors_are_found_whatever_they_are_wrapped_in(tmp_path: Path, kept: object, zipped: bool) -> None:
    torch.save(kept, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    assert shapes(tmp_path / "x.pth") == SHAPES


def test_parameters_are_tensors(tmp_path: Path) -> None:
    torch.save({"w": torch.nn.Parameter(torch.zeros(4, 1))}, tmp_path / "x.pth")
    assert shapes(tmp_path / "x.pth") == {"w": ("F32", (4, 1))}


def test_newer_protocols_are_read_too(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "x.pth", pickle_protocol=5)
    assert shapes(tmp_path / "x.pth") == SHAPES


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_of_the_file_is_called(tmp_path: Path, zipped: bool) -> None:
    trace = tmp_path / "trace"
    torch.save({**WEIGHTS, "mine": Mine(trace)}, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    assert shapes(tmp_path / "x.pth") == SHAPES
    assert not trace.exists()


def test_a_program_is_called_one(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Conv2d(1, 1, 1)).save(tmp_path / "x.pt")
    with pytest.raises(BadModelFile, match="TorchScript program"):
        pickled.read(tmp_path / "x.pt")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x02.", b"no pickle", b"\x80\x02" + b"(" * 1000, pickle.dumps({"a": 1})])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(data)
    with pytest.raises(BadModelFile, match="no file of tensors"):
        pickled.read(tmp_path / "x.pth")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(pickled.PICKLE_LIMIT * 2))
    with pytest.raises(BadModelFile):
        pickled.read(tmp_path / "x.pth")


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damage_never_raises_anything_else(noise: bytes, place: int) -> None:
    whole = pickle.dumps({"a": (1, [2, {"b": None}]), "c": collections.OrderedDict(d="e")}, protocol=2)
    data = whole[: place % len(whole)] + noise + whole[place % len(whole) :]
    try:
        found = pickled.followed(io.BytesIO(data))
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeError):
        return
    assert pickled.unwrapped(found) is not None


def test_tables_within_tables_are_named_with_dots(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    torch.save({"image_proj": {"proj.weight": torch.zeros(2, 3)}, "ip_adapter": {"1.to_k_ip.weight": torch.zeros(4, 5)}, 768: ({"a": torch.zeros(1)},)}, path)
    assert {name: entry.shape for name, entry in pickled.read(path).tensors.items()} == {
        "768.0.a": (1,),
        "image_proj.proj.weight": (2, 3),
        "ip_adapter.1.to_k_ip.weight": (4, 5),
    }


def test_an_inversion_in_an_object_of_torch_s(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.zeros(2, 768))}), "step": 5}, path)
    assert [entry.shape for entry in pickled.read(path).tensors.values()] == [(2, 768)]


def test_a_table_that_holds_itself_ends() -> None:
    table: dict[str, object] = {}
    table.update({str(number): table for number in range(1000)})
    found = pickled.followed(io.BytesIO(pickle.dumps(table)))
    assert len(found) == 1000 and len(list(pickled.flat(found))) <= pickled.MOST
