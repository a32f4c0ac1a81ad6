from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.imaging.tiles import Tiles, join, split
from tests.imaging.painting import noise, values


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "starts"),
    [
        (256, 256, 64, (0,)),
        (384, 256, 64, (0, 128)),
        (448, 256, 64, (0, 192)),
        (449, 256, 64, (0, 96, 193)),
        (1000, 256, 0, (0, 248, 496, 744)),
        (1024, 512, 64, (0, 256, 512)),
        (200, 256, 64, (-56,)),
        (64, 256, 64, (-192,)),
    ],
)
def test_starts(length: int, tile: int, overlap: int, starts: tuple[int, ...]) -> None:
    tiles = Tiles(length, length, tile, tile, overlap)
    assert tiles.xs == tiles.ys == starts
    assert tiles.count == len(starts) ** 2 == len(list(tiles.places()))


@settings(max_examples=50, deadline=None)
@given(st.integers(16, 80), st.integers(16, 80), st.integers(4, 40), st.integers(4, 40), st.integers(0, 20))
def test_split_and_joined_is_the_same(width: int, height: int, tile_width: int, tile_height: int, overlap: int) -> None:
    assume(overlap < min(tile_width, tile_height) and tile_width <= width and tile_height <= height)
    tiles = Tiles(width, height, tile_width, tile_height, overlap)
    image = noise(width, height)
    parts = split(image, tiles)
    assert {part.size for part in parts.values()} == {(tile_width, tile_height)}
    assert (values(join(parts, tiles)) == values(image)).all()
    ends = [(x, x + tile_width) for x in tiles.xs]
    assert ends[0][0] == 0 and ends[-1][1] == width
    assert all(following[0] <= before[1] - overlap for before, following in zip(ends, ends[1:]))


def test_the_seam_is_a_ramp_of_the_first_pixels() -> None:
    tiles = Tiles(12, 8, 8, 8, 4)
    parts = {(0, 0): Image.new("RGB", (8, 8)), (0, 1): Image.new("RGB", (8, 8), "white")}
    assert values(join(parts, tiles))[0, :, 0].tolist() == [0, 0, 0, 0, 0, 63, 127, 191, 255, 255, 255, 255]
    down = Tiles(8, 12, 8, 8, 4)
    stacked = join({(0, 0): parts[0, 0], (1, 0): parts[0, 1]}, down)
    assert values(stacked)[:, 0, 0].tolist() == [0, 0, 0, 0, 0, 63, 127, 191, 255, 255, 255, 255]


def test_beyond_the_ramp_the_later_tile_wins() -> None:
    """Tiles overlap by more than was asked: only the asked part blends."""
    tiles = Tiles(10, 8, 8, 8, 2)
    assert tiles.xs == (0, 2)
    made = values(join({(0, 0): Image.new("RGB", (8, 8)), (0, 1): Image.new("RGB", (8, 8), "white")}, tiles))
    assert made[0, :, 0].tolist() == [0, 0, 0, 127, 255, 255, 255, 255, 255, 255]


def test_a_picture_smaller_than_a_tile_has_its_margin_before_it() -> None:
    tiles = Tiles(10, 16, 16, 16, 0)
    part = values(split(noise(10, 16), tiles)[0, 0])
    assert (part[:, :6] == 0).all() and (part[:, 6:] == values(noise(10, 16))).all()
    assert np.array_equal(values(join({(0, 0): Image.fromarray(part.astype(np.uint8))}, tiles)), values(noise(10, 16)))


@pytest.mark.parametrize("overlap", [-1, 64, 100])
def test_an_overlap_that_cannot_be(overlap: int) -> None:
    with pytest.raises(InvalidRequest, match="overlap"):
        Tiles(200, 200, 64, 128, overlap)
