from __future__ import annotations

import pytest
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.imaging.grid import cell_size, grid, layout
from tests.imaging.painting import noise, values

SPREAD = {1: (1, 1), 2: (1, 2), 3: (2, 2), 4: (2, 2), 5: (2, 3), 6: (2, 3), 7: (3, 3), 9: (3, 3), 10: (3, 4), 12: (3, 4), 13: (4, 4), 16: (4, 4), 17: (4, 5)}


@pytest.mark.parametrize("pictures", SPREAD)
def test_rows_and_columns(pictures: int) -> None:
    assert layout(pictures) == SPREAD[pictures]


@pytest.mark.parametrize(("pictures", "expected"), [(1, (1, 1)), (6, (2, 3)), (7, (1, 7)), (8, (2, 4)), (12, (3, 4)), (16, (4, 4))])
def test_without_an_empty_cell(pictures: int, expected: tuple[int, int]) -> None:
    assert layout(pictures, full=True) == expected


@pytest.mark.parametrize(("rows", "expected"), [(1, (1, 5)), (3, (3, 2)), (5, (5, 1)), (9, (5, 1)), (0, (1, 5))])
def test_rows_that_were_asked_for(rows: int, expected: tuple[int, int]) -> None:
    assert layout(5, rows) == expected


def test_nothing_makes_no_grid() -> None:
    with pytest.raises(InvalidRequest):
        grid([])


def test_pictures_lie_row_by_row() -> None:
    images = [noise(12, 10, seed) for seed in range(5)]
    sheet = grid(images, background="#102030")
    assert sheet.size == (36, 20)
    for index, image in enumerate(images):
        left, top = index % 3 * 12, index // 3 * 10
        assert (values(sheet.crop((left, top, left + 12, top + 10))) == values(image)).all()
    assert sheet.getpixel((35, 19)) == (16, 32, 48)


def test_smaller_pictures_lie_in_the_middle() -> None:
    images = [noise(20, 8), noise(9, 30)]
    assert cell_size(images) == (20, 30)
    sheet = values(grid(images))
    assert (sheet[11:19, :20] == values(images[0])).all()
    assert (sheet[:, 25:34] == values(images[1])).all()
    assert (sheet[:11, :20] == 255).all()


def test_a_background_that_is_no_colour() -> None:
    with pytest.raises(InvalidRequest, match="colour"):
        grid([Image.new("RGB", (2, 2))], background="blank")
