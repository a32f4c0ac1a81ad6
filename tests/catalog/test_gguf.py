"""A GGUF header is read as its format says, and a damaged or lying one is refused in words, whatever its bytes are."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf as reference
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.catalog import cards, gguf
from modules.catalog.header import Entry
from modules.core.errors import BadModelFile
from tests.catalog import architectures as make


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def file(
    tensors: Mapping[str, tuple[int, tuple[int, ...], int]], data: int, values: bytes = b"", keys: int = 0, counts: tuple[int, int] | None = None
) -> bytes:
    """tensors: name -> (type, sides as ggml counts them, offset)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, *(counts or (len(tensors), keys))) + values
    for name, (kind, sides, offset) in tensors.items():
        head += text(name) + struct.pack("<I", len(sides)) + struct.pack(f"<{len(sides)}Q", *sides) + struct.pack("<IQ", kind, offset)
    return head + bytes(-len(head) % 32) + bytes(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_what_the_format_s_own_program_wrote(path: Path) -> None:
    writer = reference.GGUFWriter(path, "flux")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b" * 5000, "c"])
    writer.add_array("scores", [0.5, 1.5])
    writer.add_bool("flag", True)
    writer.add_array("comfy.gguf.orig_shape.conv.weight", [4, 2, 2, 2])
    writer.add_tensor("img_in.weight", np.zeros((64, 32), np.float16))
    writer.add_tensor("conv.weight", np.zeros((32,), np.float32))
    packed = reference.quantize(np.zeros((2, 64), np.float32), reference.GGMLQuantizationType.Q8_0)
    writer.add_tensor("txt_in.weight", packed, raw_dtype=reference.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = gguf.read(path)
    assert dict(found.tensors) == {"img_in.weight": Entry("F16", (64, 32)), "conv.weight": Entry("F32", (4, 2, 2, 2)), "txt_in.weight": Entry("Q8_0", (2, 64))}
    assert found.metadata["general.architecture"] == "flux"
    theirs = {tensor.name: (tensor.data_offset, tensor.data_offset + tensor.n_bytes) for tensor in reference.GGUFReader(path).tensors}
    assert dict(found.offsets) == theirs


def test_sizes_of_types_are_ggml_s() -> None:
    theirs = {int(kind): (kind.name, *sizes) for kind, sizes in reference.GGML_QUANT_SIZES.items()}
    assert all(theirs[number] == row for number, row in gguf.TYPES.items())


def test_a_file_cut_short_is_recognised_and_refused(path: Path) -> None:
    shapes = {"img_in.weight": (64, 3072), "double_blocks.0.img_attn.qkv.weight": (3072, 9216)}
    rows: dict[str, tuple[int, tuple[int, ...], int]] = {}
    end = 0
    for name, sides in shapes.items():
        rows[name] = (1, sides, end)
        end += 2 * sides[0] * sides[1]
    path.write_bytes(file(rows, 100))
    assert set(gguf.examined(path).tensors) == set(shapes)
    with pytest.raises(BadModelFile, match="cut short"):
        gguf.read(path)
    assert "cut short" in cards.addition(path).trouble


KEY = text("k")
DAMAGED: dict[str, tuple[bytes, str]] = {
    "not one": (b"GGML" + bytes(60), "no GGUF"),
    "empty": (b"", "cut short"),
    "version": (b"GGUF" + struct.pack("<I", 9), "version 9"),
    "tensors without end": (file({}, 0, counts=(2**60, 0)), "tensors"),
    "values without end": (file({}, 0, counts=(0, 2**60)), "values"),
    "a text longer than the file": (file({}, 0, text("k")[:8].replace(b"\1", b"\xff") + b"k", counts=(0, 1)), "text"),
    "a kind of value": (file({}, 0, KEY + struct.pack("<I", 77), 1), "kind 77"),
    "a list without end": (file({}, 0, KEY + struct.pack("<IIQ", 9, 4, 2**62), 1), "list"),
    "a list that is not there": (file({}, 0, KEY + struct.pack("<IIQ", 9, 4, 10**6), 1), "longer"),
    "a list of lists": (file({}, 0, KEY + struct.pack("<IIQ", 9, 9, 1), 1), "lists"),
    "a type": (file({"a": (99, (4,), 0)}, 64), "type 99"),
    "too many sides": (file({"a": (0, (1,) * 9, 0)}, 64), "sides"),
    "no whole block": (file({"a": (2, (33,), 0)}, 64), "blocks"),
    "two at one place": (file({"a": (0, (8,), 0), "b": (0, (8,), 0)}, 64), "overlap"),
    "overflow": (file({"a": (0, (2**63, 2**63), 0)}, 64), "cut short"),
    "alignment": (file({}, 0, text("general.alignment") + struct.pack("<IQ", 10, 2**60), 1), "aligned"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_in_words(path: Path, name: str) -> None:
    data, said = DAMAGED[name]
    path.write_bytes(data)
    with pytest.raises(BadModelFile, match=said):
        gguf.read(path)


WHOLE = file({"a.weight": (0, (4, 2), 0), "b": (8, (32,), 32)}, 66, KEY + struct.pack("<I", 8) + text("value") + text("n") + struct.pack("<II", 4, 7), 2)


@settings(max_examples=300, deadline=None)
@given(cut=st.integers(0, len(WHOLE)), changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6))
def test_whatever_the_bytes_are_it_is_read_or_refused(tmp_path_factory: Any, cut: int, changes: list[tuple[int, int]]) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.gguf"
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    path.write_bytes(data[:cut] if cut < len(WHOLE) - 4 else data)
    try:
        found = gguf.read(path)
    except BadModelFile as error:
        assert str(error)
    else:
        assert all(last <= len(WHOLE) for _, last in found.offsets.values())


@pytest.mark.parametrize(
    ("shapes", "kind", "architecture", "usable"),
    [
        (make.t5(4096), "text-encoder", "t5-xxl", True),
        (
            {
                "enc.blk.0.attn_q.weight": (4096, 4096),
                "enc.blk.0.attn_norm.weight": (4096,),
                "enc.output_norm.weight": (4096,),
                "token_embd.weight": (32128, 4096),
            },
            "text-encoder",
            "t5-xxl",
            True,
        ),
        (make.flux(), "transformer", "flux-dev", True),
        (make.ldm_unet(768), "unet", "sd1", False),
    ],
)
def test_what_it_is_its_tensors_say(path: Path, shapes: make.Shapes, kind: str, architecture: str, usable: bool) -> None:
    """`general.architecture` may say anything."""
    rows: dict[str, tuple[int, tuple[int, ...], int]] = {}
    end = 0
    for name, shape in shapes.items():
        rows[name] = (30, tuple(reversed(shape)), end)
        end += -(-2 * math.prod(shape) // 32) * 32
    head = file(rows, 0, text("general.architecture") + struct.pack("<I", 8) + text("llama"), 1)
    with open(path, "wb") as stream:
        stream.write(head)
        stream.truncate(len(head) + end)
    card = cards.addition(path)
    assert (card.kind, card.architecture, not card.trouble, card.metadata["general.architecture"]) == (kind, architecture, usable, "llama")
