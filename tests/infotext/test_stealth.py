"""Texts hidden in pixels: the four kinds, made here as their tools make them, and pictures that hide nothing or lie about it."""

from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.infotext import files, limits, stealth

TEXT = "a cat é\nSteps: 5, Sampler: Euler, Seed: 1"


def hidden(text: bytes, mark: bytes, size: tuple[int, int] = (40, 50), length: int | None = None, format: str = "PNG") -> bytes:
    """A picture of noise with the text in its lowest bits, down the columns."""
    alpha = mark.startswith(b"stealth_png")
    body = gzip.compress(text) if mark.endswith(b"comp") else text
    bits = np.unpackbits(np.frombuffer(mark + (len(body) * 8 if length is None else length).to_bytes(4, "big") + body, np.uint8))
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4 if alpha else 3), np.uint8)
    layer = pixels[:, :, 3:] if alpha else pixels
    columns = layer.transpose(1, 0, 2).reshape(-1).copy()
    columns[: len(bits)] = columns[: len(bits)] & 0xFE | bits
    layer[:] = columns.reshape(size[0], size[1], -1).transpose(1, 0, 2)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format, **({"lossless": True, "exact": True} if format == "WEBP" else {}))
    return out.getvalue()


@pytest.mark.parametrize("mark", sorted(stealth.MARKS))
@pytest.mark.parametrize("size", [(40, 50), (300, 3), (3, 900)])
def test_the_four_kinds(mark: bytes, size: tuple[int, int]) -> None:
    found = files.read(hidden(TEXT.encode(), mark, size))
    assert (found.parameters, found.stealth, found.size) == (TEXT, True, size)


def test_lossless_webp() -> None:
    assert files.read(hidden(TEXT.encode(), b"stealth_pngcomp", format="WEBP")).parameters == TEXT


def test_an_object_of_chunks_is_spread_out() -> None:
    chunks = {"Software": "NovelAI", "Description": "cat", "Comment": json.dumps({"steps": 5})}
    found = files.read(hidden(json.dumps(chunks).encode(), b"stealth_pngcomp"))
    assert found.chunks == chunks
    assert found.stealth


def test_an_open_text_is_enough() -> None:
    """With a text chunk the pixels are not looked at; chunks that say nothing of the making do not count."""
    data = hidden(TEXT.encode(), b"stealth_pngcomp")
    with Image.open(io.BytesIO(data)) as picture:
        for name, seen in (("parameters", False), ("date:create", True), ("Software", True)):
            out, texts = io.BytesIO(), PngInfo()
            texts.add_text(name, "x")
            picture.save(out, "PNG", pnginfo=texts)
            assert files.read(out.getvalue()).stealth is seen


@pytest.mark.parametrize("length", [0, 7, 2**32 - 1, 2**31, 40 * 50])
def test_lengths_that_lie(length: int) -> None:
    assert not files.read(hidden(TEXT.encode(), b"stealth_pnginfo", length=length)).stealth


def test_a_mark_of_the_wrong_layer() -> None:
    """The mark for red, green and blue, but in alpha."""
    bits = np.unpackbits(np.frombuffer(b"stealth_rgbinfo" + (80).to_bytes(4, "big") + b"0123456789", np.uint8))
    alpha = np.zeros(40 * 40, np.uint8)
    alpha[: len(bits)] = bits
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[:, :, 3] = alpha.reshape(40, 40).T
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    assert stealth.read(out.getvalue(), (40, 40)) == ""


def test_a_bomb_is_cut_and_noise_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TEXT", 1000)
    assert len(stealth.read(hidden(b"a" * 500_000, b"stealth_pngcomp", (80, 100)), (80, 100))) <= 1000
    assert stealth.read(hidden(b"", b"stealth_xyzinfo"), (40, 50)) == ""


def test_small_and_truncated_pictures() -> None:
    for size in ((1, 1), (3, 3), (200, 1)):
        out = io.BytesIO()
        Image.new("RGBA", size).save(out, "PNG")
        assert not files.read(out.getvalue()).stealth
    data = hidden(TEXT.encode(), b"stealth_pngcomp")
    assert not files.read(data[: len(data) // 2]).stealth


def test_pictures_beyond_the_limit_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PIXELS", 40 * 50 - 1)
    assert not files.read(hidden(TEXT.encode(), b"stealth_pngcomp")).stealth


def test_four_megapixels() -> None:
    assert files.read(hidden(TEXT.encode(), b"stealth_pngcomp", (2048, 2048))).parameters == TEXT
