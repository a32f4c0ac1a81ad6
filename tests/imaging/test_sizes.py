from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.imaging.sizes import Enlarged, Fit, contain, cover, enlarged, filled, snapped

LENGTH = st.integers(1, 3000)


@pytest.mark.parametrize(
    ("source", "target", "covering", "contained"),
    [
        ((100, 100), (100, 100), Fit(100, 100, 0, 0), Fit(100, 100, 0, 0)),
        ((200, 100), (100, 100), Fit(200, 100, -50, 0), Fit(100, 50, 0, 25)),
        ((100, 200), (64, 64), Fit(64, 128, 0, -32), Fit(32, 64, 16, 0)),
        ((300, 190), (256, 256), Fit(404, 256, -74, 0), Fit(256, 162, 0, 47)),
        ((1, 5000), (64, 64), Fit(64, 320000, 0, -159968), Fit(1, 64, 32, 0)),
    ],
)
def test_table(source: tuple[int, int], target: tuple[int, int], covering: Fit, contained: Fit) -> None:
    assert cover(source, target) == covering
    assert contain(source, target) == contained


@given(st.tuples(LENGTH, LENGTH), st.tuples(LENGTH, LENGTH))
def test_one_covers_the_other_is_contained(source: tuple[int, int], target: tuple[int, int]) -> None:
    outer, inner = cover(source, target), contain(source, target)
    assert outer.width >= target[0] and outer.height >= target[1] and (outer.width == target[0] or outer.height == target[1])
    assert 1 <= inner.width <= target[0] and 1 <= inner.height <= target[1] and (inner.width == target[0] or inner.height == target[1])
    assert outer.left <= 0 <= inner.left and outer.top <= 0 <= inner.top


@pytest.mark.parametrize(
    ("size", "scale", "to", "expected"),
    [
        ((512, 512), 2.0, (0, 0), Enlarged(1024, 1024)),
        ((512, 768), 1.3, (0, 0), Enlarged(665, 998)),
        ((512, 768), 2.0, (1024, 0), Enlarged(1024, 1536)),
        ((512, 768), 2.0, (0, 1152), Enlarged(768, 1152)),
        ((512, 512), 2.0, (1024, 1024), Enlarged(1024, 1024)),
        ((512, 512), 2.0, (1024, 768), Enlarged(1024, 1024, (0, 32))),
        ((512, 512), 2.0, (768, 1024), Enlarged(1024, 1024, (32, 0))),
        ((512, 768), 2.0, (1024, 1024), Enlarged(1024, 1536, (0, 64))),
    ],
)
def test_second_pass(size: tuple[int, int], scale: float, to: tuple[int, int], expected: Enlarged) -> None:
    assert enlarged(*size, scale, *to) == expected


def test_multiples() -> None:
    assert [snapped(length) for length in (7.9, 8, 15.99, 256)] == [0, 8, 8, 256]
    assert [filled(length, 64) for length in (1, 64, 65, 384)] == [64, 64, 128, 384]
