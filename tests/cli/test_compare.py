"""How far two pictures are apart."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from modules.cli.compare import changed_facts, difference
from modules.core.errors import BadPicture


def encoded(pixels: np.ndarray, format: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format)
    return out.getvalue()


GREY = np.full((8, 10, 3), 100, np.uint8)


def test_equal_pixels_are_identical_however_they_are_packed() -> None:
    found = difference(encoded(GREY), encoded(GREY, "BMP"))
    assert found.identical
    assert str(found) == "identical"
    assert found.psnr == math.inf


def test_one_pixel_off() -> None:
    other = GREY.copy()
    other[3, 4, 1] += 2
    found = difference(encoded(GREY), encoded(other))
    assert (found.identical, found.pixels, found.of, found.largest) == (False, 1, 80, 2)
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / (4 / 240)))
    assert str(found) == f"differs in 1 of 80 pixels, at most by 2 of 255, PSNR {found.psnr:.1f} dB"


def test_a_difference_is_counted_in_both_directions_without_wrapping() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert difference(encoded(black), encoded(white)).largest == difference(encoded(white), encoded(black)).largest == 255
    assert difference(encoded(black), encoded(white)).psnr == 0


def test_other_sizes() -> None:
    found = difference(encoded(GREY), encoded(GREY[:4]))
    assert not found.identical
    assert str(found) == "differs in size: 10 x 8 and 10 x 4"


@pytest.mark.parametrize("data", [b"", b"no picture", encoded(GREY)[:45]], ids=["empty", "text", "truncated"])
def test_what_is_no_picture_is_said(data: bytes) -> None:
    with pytest.raises(BadPicture):
        difference(encoded(GREY), data)


def test_facts() -> None:
    before = {"torch": "2.12.1", "device": "cpu: A", "threads": "2"}
    assert changed_facts(before, {"torch": "2.13.0", "device": "cpu: A"}) == ["torch 2.12.1 -> 2.13.0", "threads 2 -> unknown"]
    assert changed_facts(before, before | {"new": "x"}) == []
