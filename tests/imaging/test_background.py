from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.imaging.background import color, flatten
from tests.imaging.painting import values


@pytest.mark.parametrize(("text", "expected"), [("#ffffff", (255, 255, 255)), ("#102030", (16, 32, 48)), ("red", (255, 0, 0)), ("#12345678", (18, 52, 86))])
def test_colours(text: str, expected: tuple[int, int, int]) -> None:
    assert color(text) == expected


@pytest.mark.parametrize("text", ["", "#12", "nocolour", "#gggggg", "ffffff"])
def test_what_is_no_colour_is_said(text: str) -> None:
    with pytest.raises(InvalidRequest, match="#rrggbb"):
        color(text)


@pytest.mark.parametrize(("alpha", "expected"), [(255, (10, 20, 30)), (0, (255, 0, 0)), (128, (132, 10, 15))])
def test_transparency_shows_the_background(alpha: int, expected: tuple[int, int, int]) -> None:
    image = Image.new("RGBA", (2, 2), (10, 20, 30, alpha))
    made = flatten(image, "#ff0000")
    assert made.mode == "RGB"
    assert np.abs(values(made)[0, 0] - expected).max() <= 1


def test_palettes_and_deep_greys() -> None:
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([9, 8, 7] * 256)
    assert flatten(palette).getpixel((0, 0)) == (9, 8, 7)
    palette.info["transparency"] = 0
    assert flatten(palette, "#00ff00").getpixel((0, 0)) == (0, 255, 0)
    deep = Image.fromarray(np.full((2, 2), 0x8055, np.uint16))
    assert flatten(deep).getpixel((0, 0)) == (128, 128, 128)
    assert flatten(Image.new("1", (2, 2), 1)).getpixel((1, 1)) == (255, 255, 255)
