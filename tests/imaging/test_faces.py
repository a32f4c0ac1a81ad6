"""Faces turned upright, cut out and laid back."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.imaging.faces import BESIDE, PLACES, cut, fading, laid, turn

SIDE = 64


def smooth(width: int, height: int) -> np.ndarray:
    small = np.random.default_rng(2).integers(0, 256, (max(height // 16, 2), max(width // 16, 2), 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)).copy()


def moved(x: float, y: float, scale: float, degrees: float) -> np.ndarray:
    """The five points of a face of that size (1: as in the square of SIDE) and slant, with the square's middle at x, y."""
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.array([x, y]) + (PLACES - 0.5) * SIDE * scale @ rotation.T


@pytest.mark.parametrize(("scale", "degrees"), [(1, 0), (2.5, 30), (0.3, -100), (1, 180)])
def test_a_slanted_face_of_any_size_comes_upright(scale: float, degrees: float) -> None:
    points = moved(100, 70, scale, degrees)
    into = turn(points, SIDE)
    assert np.abs(points @ into[:, :2].T + into[:, 2] - PLACES * SIDE).max() < 1e-9
    assert np.hypot(into[0, 0], into[1, 0]) == pytest.approx(1 / scale)
    assert np.linalg.det(into[:, :2]) > 0, "never mirrored"


def test_points_on_one_spot_lead_to_no_trouble() -> None:
    picture = smooth(100, 80)
    into = turn(np.full((5, 2), 50.0), SIDE)
    assert np.isfinite(into).all() and cut(picture, into, SIDE).shape == (SIDE, SIDE, 3)


def test_what_is_cut_and_laid_back_unchanged_changes_nothing() -> None:
    picture = smooth(200, 160)
    for points in (moved(100, 80, 1, 0), moved(90, 70, 1.3, 25)):
        into = turn(points, SIDE)
        again = picture.copy()
        laid(again, cut(picture, into, SIDE), into)
        assert np.abs(again.astype(int) - picture).max() <= (0 if into[0, 1] == pytest.approx(0) else 12)
    exact = turn(moved(100, 80, 1, 0), SIDE)
    assert np.array_equal(cut(picture, exact, SIDE), picture[48:112, 68:132])


def test_a_new_face_fades_into_the_picture_and_touches_nothing_else() -> None:
    picture = np.full((160, 200, 3), 50, np.uint8)
    into = turn(moved(100, 80, 1, 0), SIDE)
    laid(picture, np.full((SIDE, SIDE, 3), 250, np.uint8), into)
    assert (picture[:48] == 50).all() and (picture[112:] == 50).all() and (picture[:, :68] == 50).all() and (picture[:, 132:] == 50).all()
    assert (picture[58:102, 78:122] == 250).all()
    row = picture[80, 68:132, 0].astype(int)
    assert np.abs(np.diff(row)).max() < 80 and (np.diff(row[:32]) >= 0).all() and (row == row[::-1]).all()
    half = np.full((160, 200, 3), 50, np.uint8)
    laid(half, np.full((SIDE, SIDE, 3), 250, np.uint8), into, 0.5)
    assert (half[80, 100] == 150).all()


@pytest.mark.parametrize(("x", "y"), [(0, 0), (199, 10), (-300, 50), (100, 500)])
def test_faces_at_the_edge_and_beyond_it(x: int, y: int) -> None:
    picture = smooth(200, 160)
    into = turn(moved(x, y, 1.2, 10), SIDE)
    square = cut(picture, into, SIDE)
    assert any((square[place] == BESIDE).all() for place in ((0, 0), (-1, -1), (0, -1))), "grey where there is no picture"
    laid(picture, square, into)


def test_a_large_face_is_averaged_not_sampled() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (1024, 1024, 3), np.uint8)
    square = cut(picture, turn(moved(512, 512, 12, 0), SIDE), SIDE).astype(int)
    assert square.std() < 30 < picture.std()


def test_a_shrunk_cut_lies_where_an_exact_one_would() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 1024)[None, :, None], (1024, 1024, 3)).round().astype(np.uint8)
    into = turn(moved(512, 512, 12, 0), SIDE)
    square = cut(ramp, into, SIDE)
    wanted = (np.arange(SIDE) - into[0, 2]) / into[0, 0] * 255 / 1023
    assert np.abs(square[SIDE // 2, :, 0] - wanted).max() < 1


def test_the_fading_is_whole_in_the_middle_and_nothing_at_the_edge() -> None:
    weight = fading(SIDE)
    assert weight[SIDE // 2, SIDE // 2] == 1 and weight[0].max() == weight[:, -1].max() == 0
