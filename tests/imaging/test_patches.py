"""Pieces of a picture, and what they become when they are put together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.imaging import patches
from modules.imaging.patches import Array


def noise(height: int, width: int, channels: int = 3) -> Array:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, channels), dtype=np.uint8)


def blurred(radius: int, scale: int) -> patches.Enlarge:
    """Each pixel the mean of those at most `radius` away, edges repeated; then `scale` times larger."""

    def enlarge(piece: Array) -> Array:
        wide = np.pad(piece, ((radius, radius), (radius, radius), (0, 0)), "edge")
        side = 2 * radius + 1
        mean = sum(wide[y : y + piece.shape[0], x : x + piece.shape[1]] for y in range(side) for x in range(side)) / side**2
        return np.repeat(np.repeat(mean, scale, 0), scale, 1).astype(np.float32)

    return enlarge


@given(st.integers(1, 700), st.integers(16, 300), st.integers(0, 75), st.sampled_from([1, 4, 8, 16]), st.integers(1, 4))
def test_weights_sum_to_one_everywhere(length: int, tile: int, overlap: int, multiple: int, scale: int) -> None:
    found = patches.cuts(length, tile, overlap, multiple)
    total = np.zeros(length * scale)
    for index, start in enumerate(found.starts):
        total[start * scale : found.end(index) * scale] += found.weights(index, scale)
    assert np.allclose(total, 1, atol=1e-5)
    assert all(start % multiple == 0 for start in found.starts)
    assert found.size <= tile or len(found.starts) == 1
    if len(found.starts) > 1 and tile % multiple == 0:
        assert min(found.end(index) - start for index, start in enumerate(found.starts[1:])) >= min(overlap, tile // 4 // multiple * multiple)


@pytest.mark.parametrize(("height", "width"), [(150, 90), (64, 64), (65, 300), (7, 200)])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_what_sees_a_quarter_of_the_overlap_gives_the_very_picture_of_the_whole(height: int, width: int, scale: int) -> None:
    picture, enlarge = noise(height, width), blurred(3, scale)
    whole = patches.enlarged(picture, scale, enlarge)
    pieces = patches.enlarged(picture, scale, enlarge, tile=64, overlap=12)
    assert whole.shape == (height * scale, width * scale, 3)
    assert np.abs(whole.astype(int) - pieces).max() <= 1


def test_pieces_that_do_not_overlap_stand_side_by_side() -> None:
    picture, enlarge = noise(50, 70), blurred(0, 2)
    assert np.array_equal(patches.enlarged(picture, 2, enlarge, tile=16), patches.enlarged(picture, 2, enlarge))


def test_what_sees_further_leaves_no_step() -> None:
    """Halves that disagree by 100 grey levels: the seam is a ramp, not an edge."""
    picture = np.zeros((40, 100, 1), np.uint8)
    brightness = iter([0.0, 100 / 255])
    made = patches.enlarged(picture, 1, lambda piece: np.full_like(piece, next(brightness)), tile=64, overlap=16)
    assert np.abs(np.diff(made[20, :, 0].astype(int))).max() <= 13


def test_progress_comes_before_each_piece_and_may_end_the_work() -> None:
    seen: list[tuple[int, int]] = []

    def stop(pieces: int, of: int) -> None:
        seen.append((pieces, of))
        if pieces == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        patches.enlarged(noise(100, 100), 2, blurred(0, 2), 64, 16, done=stop)
    assert seen == [(0, 4), (1, 4), (2, 4)]


def test_values_are_rounded_and_clamped() -> None:
    made = patches.enlarged(noise(2, 2, 1), 1, lambda piece: np.array([[[-1.0], [2.0]], [[0.5], [100.6 / 255]]], np.float32))
    assert made[..., 0].tolist() == [[0, 255], [128, 101]]
