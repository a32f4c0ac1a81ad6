from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.imaging.grid import grid
from modules.imaging.legend import FONT, Label, legend
from tests.imaging.painting import noise, values

CELLS = [noise(64, 48, seed) for seed in range(6)]
"""Two rows of three."""
NONE = [[Label("")]]


def labels(*texts: str) -> list[list[Label]]:
    return [[Label(text)] for text in texts]


def columns_of(image: Image.Image, box: tuple[int, int, int, int]) -> np.ndarray:
    """Columns of the box that hold ink."""
    return np.flatnonzero((values(image.crop(box)) < 255).any((0, 2)))


def test_without_texts_nothing_changes() -> None:
    sheet = grid(CELLS, 2)
    assert (values(legend(sheet, (64, 48), NONE * 3, NONE * 2)) == values(sheet)).all()


def test_pads_by_the_rule() -> None:
    """256 x 256: letters of 20, spacing of 10; "4" stands 15 high above the base line with the colon's text, so 19 + 2 * 10 at the top."""
    sheet = Image.new("RGB", (512, 512))
    made = legend(sheet, (256, 256), labels("in a garden", "in a garden"), labels("at night", ""))
    assert made.size == (512 + 192, 512 + 39)


def test_cells_move_by_pads_and_margins() -> None:
    made = legend(grid(CELLS, 2), (64, 48), labels("a", "b", "c"), labels("x", "y"), margin=7)
    left = 64 * 3 // 4
    top = made.height - 2 * 48 - 7
    assert made.width == left + 3 * 64 + 2 * 7
    for index, cell in enumerate(CELLS):
        x, y = left + index % 3 * 71, top + index // 3 * 55
        assert (values(made.crop((x, y, x + 64, y + 48))) == values(cell)).all()
    assert (values(made)[top:, left + 64 : left + 71] == 255).all()


def test_texts_stand_over_the_middle_of_their_cells() -> None:
    sheet = Image.new("RGB", (600, 300))
    made = legend(sheet, (300, 300), labels("Steps: 4", "Steps: 40"), NONE)
    top = made.height - 300
    for index in range(2):
        ink = columns_of(made, (300 * index, 0, 300 * index + 300, top))
        assert abs((ink[0] + ink[-1]) / 2 - 150) <= 2
        rows = np.flatnonzero((values(made.crop((300 * index, 0, 300 * index + 300, top))) < 255).any((1, 2)))
        assert abs((rows[0] + rows[-1]) / 2 - top / 2) <= 3


def test_texts_stand_beside_the_middle_of_their_cells() -> None:
    made = legend(Image.new("RGB", (300, 600)), (300, 300), NONE, labels("Seed: 1", "Seed: 10"))
    assert made.width == 300 + 225
    for index in range(2):
        box = (0, 300 * index, 225, 300 * index + 300)
        ink = columns_of(made, box)
        rows = np.flatnonzero((values(made.crop(box)) < 255).any((1, 2)))
        assert abs((ink[0] + ink[-1]) / 2 - 112.5) <= 2 and abs((rows[0] + rows[-1]) / 2 - 150) <= 3


def test_what_is_off_is_grey_and_struck_through() -> None:
    sheet = Image.new("RGB", (300, 300))
    on = values(legend(sheet, (300, 300), [[Label("at night")]], NONE))[:40]
    off = values(legend(sheet, (300, 300), [[Label("at night", active=False)]], NONE))[:40]
    assert on.min() == 0 and off.min() == 0x99
    assert max((row < 255).any(-1).sum() for row in off) > 80  # the line runs through all of it
    assert max((row < 255).any(-1).sum() for row in on) < 70


def test_long_texts_are_wrapped_and_too_long_words_shrunk() -> None:
    sheet = Image.new("RGB", (128, 128))
    one = legend(sheet, (128, 128), labels("cat"), NONE)
    many = legend(sheet, (128, 128), labels("a photo of a cat that sits in a garden at night"), NONE)
    assert many.height > one.height + 15  # three lines, of letters of 10 px
    word = legend(sheet, (128, 128), labels("W" * 60), NONE)
    ink = columns_of(word, (0, 0, 128, word.height - 128))
    assert ink[0] > 0 and ink[-1] < 127


def test_rows_share_the_left_pad() -> None:
    sheet = Image.new("RGB", (256, 512))
    made = legend(sheet, (256, 256), NONE, [[Label("one"), Label("two", active=False)], [Label("")]])
    assert made.size == (256 + 192, 512)
    ink = np.flatnonzero((values(made)[:, :192] < 255).any((1, 2)))
    assert ink.max() < 256 and abs(ink.mean() - 128) < 12


@pytest.mark.parametrize("font", [Path("no such font.ttf"), Path(__file__)])
def test_a_font_that_cannot_be_read_is_replaced(font: Path) -> None:
    sheet = grid(CELLS, 2)
    texts = labels("a", "b", "c"), labels("x", "y")
    assert (values(legend(sheet, (64, 48), *texts, font=font)) == values(legend(sheet, (64, 48), *texts))).all()


def test_tiny_cells_have_a_font_yet() -> None:
    assert legend(Image.new("RGB", (8, 8)), (8, 8), labels("cat"), NONE).width == 8


def test_the_font_comes_with_its_licence() -> None:
    assert "Apache License" in (FONT.parent / "Roboto-LICENSE.txt").read_text("utf-8")
