from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from modules.core.errors import BadModelFile, Unsupported
from modules.prompt.chunks import chunks
from modules.prompt.embeddings import load, names_in, patched
from modules.prompt.grammar import fragments
from modules.prompt.vocabulary import Vocabulary

VECTORS = torch.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ({"emb_params": VECTORS}, VECTORS),
        ({"emb_params": VECTORS.half(), "other": torch.zeros(1)}, VECTORS),
        ({"<cat>": VECTORS}, VECTORS),
        ({"<cat>": VECTORS[1].clone()}, VECTORS[1:2]),
        ({"clip_l": VECTORS, "clip_g": VECTORS * 2}, torch.cat([VECTORS, VECTORS * 2], 1)),
    ],
)
def test_load(tmp_path: Path, tensors: dict[str, torch.Tensor], expected: torch.Tensor) -> None:
    save_file(tensors, tmp_path / "x.safetensors")
    vectors = load(tmp_path / "x.safetensors")
    assert vectors.dtype == torch.float32
    assert torch.equal(vectors, expected)


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": VECTORS, "b": VECTORS.clone()},
        {"clip_l": VECTORS, "clip_g": VECTORS[:2].clone()},
        {"a": torch.zeros(2, 2, 2)},
        {"a": torch.zeros(0, 4)},
        {"a": torch.zeros(2, 4, dtype=torch.int64)},
        {"a": torch.full((1, 4), float("nan"))},
    ],
)
def test_other_tensors_are_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(BadModelFile, match=r"x\.safetensors"):
        load(tmp_path / "x.safetensors")


@pytest.mark.parametrize(("name", "data"), [("x.pt", b"\x80\x02"), ("x.safetensors", b"\x80\x02"), ("x.safetensors", b"\xff" * 64), ("none.safetensors", None)])
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, name: str, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(BadModelFile) as caught:
        load(tmp_path / name)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a Bad-Hands-5, cat", ["bad-hands-5"]),
        ("(bad-hands-5:1.3) [ink] INK", ["bad-hands-5", "ink"]),
        ("bad-hands bad", ["bad"]),
        ("inkwell, thinking", []),
        ("[ink:+tag+:0.5] [sky|+TAG+]", ["ink", "+tag+"]),
        (r"style \(x\)", ["style (x)"]),
        ("", []),
    ],
)
def test_names_in(text: str, expected: list[str]) -> None:
    assert names_in(text, ["ink", "bad", "bad-hands-5", "style (x)", "never", " ", "+tag+"]) == expected


NAMES = ("red", "red-cat", "cat2", "sky,", "é")


WORDS = st.sampled_from([*NAMES, "RED", "cat", "dog", "", "e\u0301"])
MARKS = st.sampled_from([" ", ",", "(", ")", ":1.5)", "\\(", "2", "-", "!", "]", " BREAK "])


@given(st.lists(st.tuples(WORDS, MARKS), max_size=12).map(lambda pairs: "".join(f" {word}{mark}" for word, mark in pairs)))
def test_names_that_are_laid_out_are_found(vocabulary: Vocabulary, text: str) -> None:
    embeddings = {name: torch.full((1, 4), float(number)) for number, name in enumerate(NAMES)}
    laid = [int(vectors[0, 0]) for chunk in chunks(fragments(text), vocabulary, embeddings=embeddings) for _, vectors in chunk.vectors]
    found = names_in(text, NAMES)
    assert set(found) >= {NAMES[number] for number in laid}
    assert set(":]") & set(text) or len(found) == len(set(laid))


def test_patched_rows() -> None:
    layer = nn.Embedding(10, 4)
    before = layer.weight.detach().clone()
    ids = torch.arange(6).reshape(2, 3)
    plain = layer(ids)
    with patched(layer, [[(1, VECTORS[:2])], []]):
        inside = layer(ids)
    assert torch.equal(inside[0, 1:], VECTORS[:2])
    assert torch.equal(inside[0, 0], plain[0, 0])
    assert torch.equal(inside[1], plain[1])
    assert torch.equal(layer(ids), plain)
    assert torch.equal(layer.weight, before)


def test_patched_takes_the_type_of_the_layer() -> None:
    layer = nn.Embedding(3, 4, dtype=torch.float16)
    with patched(layer, [[(0, VECTORS[1:2])]]):
        assert torch.equal(layer(torch.tensor([[0]]))[0, 0], VECTORS[1].half())


def test_vectors_of_another_width_are_refused_and_the_layer_is_left_clean() -> None:
    layer = nn.Embedding(3, 8)
    with pytest.raises(Unsupported, match="4 numbers"), patched(layer, [[(0, VECTORS)]]):
        layer(torch.tensor([[0, 1, 2]]))
    assert layer(torch.tensor([[0]])).shape == (1, 1, 8)
