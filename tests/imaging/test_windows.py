"""Growing pictures in windows: everything new is drawn, nothing twice that need not be, and no window is too large."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.imaging.windows import Growing, Sides, growing


def painted(size: tuple[int, int], sides: Sides, native: int) -> tuple[Growing, np.ndarray]:
    """Each pixel of the sheet: 1 at first known, 0 unknown at the end. Fails where a window shows nothing known, or draws nothing."""
    wish = growing(size, sides, native)
    known = np.zeros((wish.sheet[1], wish.sheet[0]), bool)
    left, top, right, bottom = wish.picture
    known[top:bottom, left:right] = True
    for window in wish.windows:
        left, top, right, bottom = window.kept
        part = known[top:bottom, left:right]
        assert part.any() and not part.all()
        part[:] = True
    return wish, known


def area(box: tuple[int, int, int, int]) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 400)] * 2), st.builds(Sides, *[st.integers(0, 300)] * 4), st.sampled_from([64, 128, 512]))
def test_all_that_is_new_is_drawn_in_windows_that_suit_the_model(size: tuple[int, int], sides: Sides, native: int) -> None:
    wish, known = painted(size, sides, native)
    assert known.all()
    assert area(wish.asked) == (size[0] + sides.left + sides.right, size[1] + sides.up + sides.down)
    assert area(wish.picture) == size
    assert (wish.picture[0] - wish.asked[0], wish.picture[1] - wish.asked[1]) == (sides.left, sides.up)
    for window in wish.windows:
        assert all(length % 8 == 0 and length <= native * 5 // 4 for length in area(window.shown))
        assert all(shown <= kept for shown, kept in zip(window.shown[:2], window.kept[:2], strict=True))
        assert all(kept <= shown for shown, kept in zip(window.shown[2:], window.kept[2:], strict=True))


def test_a_side_is_drawn_in_strips_of_a_quarter_of_the_native_size() -> None:
    assert [window.shown for window in growing((128, 128), Sides(64, 0, 0, 0), 128).windows] == [(32, 0, 192, 128), (0, 0, 160, 128)]
    assert [window.shown for window in growing((512, 512), Sides(0, 128, 0, 0), 512).windows] == [(0, 0, 640, 512)]


def test_the_sides_come_one_after_the_other_and_later_ones_are_as_long_as_the_picture_has_become() -> None:
    windows = growing((128, 96), Sides(32, 32, 32, 32), 512).windows
    assert [area(window.shown) for window in windows] == [(160, 96), (192, 96), (192, 128), (192, 160)]


def test_long_sides_are_drawn_in_windows_that_overlap() -> None:
    windows = [window.shown for window in growing((2048, 600), Sides(0, 0, 128, 0), 512).windows]
    assert len(windows) == 4 and windows[0][0] == 0 and windows[-1][2] == 2048
    assert all(one[2] - other[0] >= 128 for one, other in zip(windows, windows[1:], strict=False))


@pytest.mark.parametrize("size", [(1, 1), (9, 70), (3, 500), (131, 77)])
@pytest.mark.parametrize("side", range(4))
def test_the_seam_lies_between_two_latents_whatever_the_size(size: tuple[int, int], side: int) -> None:
    """So that no latent is half old and half new across it."""
    wish, _ = painted(size, Sides(*(13 * (index == side) for index in range(4))), 128)
    for window in wish.windows:
        seam, begins = wish.picture[(0, 2, 1, 3)[side]], window.shown[side // 2]
        assert (seam - begins) % 8 == 0
