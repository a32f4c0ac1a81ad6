"""Which samples a step has, in which shape and piece: decided by seeds alone."""

from __future__ import annotations

from collections import Counter

import pytest

from modules.training import buckets
from modules.training.order import Order


def test_every_sample_is_seen_once_before_any_is_seen_again() -> None:
    order = Order(3, own=10)
    seen = [draw.entry for step in range(15) for draw in order.step(step, 4)]
    for epoch in range(6):
        assert sorted(seen[epoch * 10 : epoch * 10 + 10]) == list(range(10))
    assert seen[:10] != seen[10:20]


def test_steps_stand_alone() -> None:
    """A run that is gone on with asks for step 7 first."""
    whole = Order(3, own=10, prior=3, share=0.25)
    rows = [whole.step(step, 4) for step in range(20)]
    assert Order(3, own=10, prior=3, share=0.25).step(7, 4) == rows[7] == whole.step(7, 4)
    assert Order(4, own=10, prior=3, share=0.25).step(7, 4) != rows[7]
    assert len({draw.seed for row in rows for draw in row}) == 80
    assert all(sorted(draw.place for draw in row) == [0, 1, 2, 3] for row in rows)


def test_other_things_take_their_share() -> None:
    rows = Order(3, own=10, prior=3, share=0.25).step(0, 8)
    assert Counter(draw.prior for draw in rows) == {False: 6, True: 2}
    assert not any(draw.prior for draw in Order(3, own=10, prior=0, share=0.25).step(0, 8))
    assert [draw.entry for draw in Order(3, own=0).step(2, 3)] == [6, 7, 8], "endless data goes on"


@pytest.mark.parametrize("share", [0.05, 0.25, 0.3, 0.9])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_the_share_holds_on_the_average(size: int, share: float) -> None:
    """Also where a step has one or two samples; other things are all seen as often as each other, and the own ones, too."""
    order = Order(3, own=7, prior=3, share=share)
    rows = [order.step(step, size) for step in range(200)]
    counts = [sum(draw.prior for draw in row) for row in rows]
    assert sum(counts) == round(200 * size * share) and max(counts) - min(counts) <= 1
    assert Order(3, own=7, prior=3, share=share).step(150, size) == rows[150], "steps stand alone"
    for prior in (False, True):
        seen = Counter(draw.entry for row in rows for draw in row if draw.prior is prior)
        assert len(seen) == (3 if prior else 7) and max(seen.values()) - min(seen.values()) <= 1


def test_shapes_have_about_the_same_pixels() -> None:
    shapes = buckets.shapes(512, 64)
    assert shapes[0] == (512, 512) and len(shapes) == 5
    assert all(0.8 * 512**2 <= width * height <= 512**2 and width % 64 == height % 64 == 0 for width, height in shapes)
    assert buckets.shapes(512, 64, several=False) == [(512, 512)]
    assert buckets.nearest((1920, 1080), shapes)[0] > 512 > buckets.nearest((300, 500), shapes)[0]


def test_pieces_lie_in_their_pictures() -> None:
    for seed in range(200):
        seen = buckets.view((640, 360), (576, 448), "random", str(seed), mirrored=False)
        assert 0 <= seen.left <= seen.whole[0] - 576 and 0 <= seen.top <= seen.whole[1] - 448
        assert seen.whole[0] / seen.whole[1] > 1.7
    assert buckets.view((640, 360), (576, 448), "center").left == (round(640 * 448 / 360) - 576) // 2
