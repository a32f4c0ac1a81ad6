"""Inputs inside a PNG: there and back, and files that are damaged, foreign or lie."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from modules.core.errors import BadPicture, OutputTrouble
from modules.infotext import files, limits, png
from modules.infotext.packing import KIND, _chunk, pack, unpack

Make = Callable[..., Image.Image]


def named(*bodies: bytes) -> dict[str, bytes]:
    return {f"sha256:{hashlib.sha256(body).hexdigest()}": body for body in bodies}


@pytest.fixture
def plain(image: Make) -> bytes:
    return files.encode(image(), "a cat\nSteps: 1", {"easel": "1", "request": {}})


def test_there_and_back(plain: bytes, image: Make) -> None:
    inputs = named(files.encode(image(9, 9), ""), b"any bytes \x00\xff")
    packed = pack(plain, inputs)
    assert unpack(packed) == inputs and unpack(plain) == {}
    assert files.read(packed) == files.read(plain)
    with Image.open(io.BytesIO(packed)) as after, Image.open(io.BytesIO(plain)) as before:
        assert np.array_equal(np.asarray(after), np.asarray(before))


def test_packed_again_only_the_last_inputs_are_in_it(plain: bytes) -> None:
    assert pack(pack(plain, named(b"one")), named(b"two")) == pack(plain, named(b"two"))
    assert pack(pack(plain, named(b"one")), {}) == plain


def test_what_is_damaged_is_left_out(plain: bytes) -> None:
    packed = pack(plain, named(b"first input", b"second input"))
    assert list(unpack(packed.replace(b"second", b"SECOND")).values()) == [b"first input"]
    cut = packed[: packed.index(b"second")]
    assert list(unpack(cut).values()) == [b"first input"]
    lying = plain[:-12] + _chunk(KIND, b"short") + _chunk(b"IEND", b"")
    assert unpack(lying) == {} and unpack(b"") == {} and unpack(png.SIGNATURE) == {} and unpack(b"\xff\xd8\xff") == {}


def test_what_cannot_carry_anything_is_refused(plain: bytes, image: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadPicture, match="Only a PNG"):
        pack(files.encode(image(), "x", format="jpg"), {})
    with pytest.raises(BadPicture, match="damaged"):
        pack(plain[:-20], {})
    monkeypatch.setattr(limits, "INPUT", 10)
    with pytest.raises(OutputTrouble, match="too large"):
        pack(plain, named(b"eleven byte"))
    monkeypatch.setattr(limits, "INPUT", 11)
    large = pack(plain, named(b"eleven byte"))
    monkeypatch.setattr(limits, "INPUT", 10)
    assert unpack(large) == {}
