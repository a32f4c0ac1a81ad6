from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.imaging.masks import MaskRule, Region, region
from modules.imaging.overlay import finish, original
from modules.imaging.soft import Softness, blend, composite_mask, rank_filter
from tests.imaging.painting import box_mask, noise, values

SOFT = Softness()


def latents(seed: int, size: int = 8) -> torch.Tensor:
    return torch.randn(1, 4, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [14.6, 1.0, 0.03])
def test_pure_masks_choose(sigma: float) -> None:
    init, made = latents(0), latents(1)
    mask = torch.zeros(1, 8, 8)
    mask[:, :, 4:] = 1
    mixed = blend(init, made, mask, sigma, SOFT)
    assert torch.allclose(mixed[..., :4], init[..., :4], atol=1e-4)
    assert torch.allclose(mixed[..., 4:], made[..., 4:], atol=1e-4)


def test_greys_keep_more_while_there_is_noise_and_length_is_kept() -> None:
    init, made, mask = latents(0), latents(1), torch.full((1, 8, 8), 0.5)

    def kept(sigma: float) -> float:
        return float((blend(init, made, mask, sigma, SOFT) - made).norm())

    assert kept(10) > kept(1) > kept(0.1)
    lengths = blend(init, made, mask, 1.0, SOFT).norm(dim=1)
    parts = torch.stack([init.norm(dim=1), made.norm(dim=1)])
    assert (lengths <= parts.max(0).values + 1e-3).all() and (lengths >= parts.min(0).values - 1e-3).all()


def test_blend_by_hand() -> None:
    """One pixel, t = 0.25 ** (2 * 0.5) = 1/4: mixed (3, 4) * 3/4, length sqrt(25 * 3/4) with contrast 2 when the other is nothing."""
    init, made = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1), torch.zeros(1, 2, 1, 1)
    mixed = blend(init, made, torch.full((1, 1, 1), 0.25), 2.0, replace(SOFT, contrast=2.0))
    assert mixed.flatten().tolist() == pytest.approx([3 * 0.75**0.5, 4 * 0.75**0.5], rel=1e-4)


def slow_rank(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The same rule, pixel by pixel."""
    rows, columns = values.shape
    out = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            stack = []
            for y in range(max(0, row - 2), min(rows, row + 3)):
                for x in range(max(0, column - 2), min(columns, column + 3)):
                    squared = (y - row) ** 2 + (x - column) ** 2
                    stack.append((values[y, x], max(0.0, (np.exp(-squared / 2.25) - np.exp(-4)) / (1 - np.exp(-4)))))
            stack.sort()
            total = sum(weight for _, weight in stack)
            start, end = low * total, high * total
            if end - start < 1:
                start, end = (start + end) / 2 - 0.5, (start + end) / 2 + 0.5
                if end > total:
                    start, end = start - (end - total), total
                if start < 0:
                    start, end = 0.0, 1.0
            seen = weighed = reached = 0.0
            for value, weight in stack:
                overlap = max(0.0, min(reached + weight, end) - max(reached, start))
                seen, weighed, reached = seen + overlap, weighed + overlap * value, reached + weight
            out[row, column] = weighed / seen
    return out


@pytest.mark.parametrize(("low", "high"), [(0.9, 1.0), (0.25, 0.75), (0.0, 0.1), (0.0, 1.0), (0.5, 0.5)])
@pytest.mark.parametrize("shape", [(6, 9), (3, 3), (1, 7), (1, 1)])
def test_rank_filter_equals_the_slow_one(shape: tuple[int, int], low: float, high: float) -> None:
    values = np.random.default_rng(0).random(shape)
    assert np.allclose(rank_filter(values, low, high), slow_rank(values, low, high))


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(-100, 100))
def test_rank_filter_of_a_constant(one: float, other: float, value: float) -> None:
    assert np.allclose(rank_filter(np.full((5, 4), value), min(one, other), max(one, other)), value)


def whole() -> Region:
    where = region(box_mask(128, 128, (0, 0, 128, 128)), (128, 128), 128, 128, MaskRule(blur=(0, 0), rounding=False))
    assert where is not None
    return where


@pytest.mark.parametrize("soft", [SOFT, replace(SOFT, influence=1.0), replace(SOFT, threshold=0.0), replace(SOFT, difference_contrast=0.0)])
@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_what_did_not_change_is_kept(soft: Softness, amount: float) -> None:
    """Nothing divided by nothing among it: a mask of 1 with full influence, a threshold of 0."""
    init = latents(0)[0]
    made = values(composite_mask(init, init, torch.full((1, 8, 8), amount), whole(), soft, (128, 128)))
    if soft.difference_contrast:
        assert made.max() == 0
    else:
        assert len(np.unique(made)) == 1  # a contrast of nothing tells nothing apart


def test_what_changed_shows_and_a_grey_mask_asks_for_more_change() -> None:
    init = latents(0, 16)[0]
    changed = init.clone()
    changed[:, :, 8:] += 10
    mask = composite_mask(init, changed, torch.ones(1, 16, 16), whole(), SOFT, (128, 128))
    assert mask.mode == "L" and mask.size == (128, 128)
    assert values(mask)[:, 64:].min() > 250 and values(mask)[:, :16].max() == 0
    small = init + 0.2
    by_mask = [
        int(values(composite_mask(init, small, torch.full((1, 16, 16), amount), whole(), replace(SOFT, influence=0.5), (128, 128))).mean())
        for amount in (0.1, 0.5, 1.0)
    ]
    assert by_mask == sorted(by_mask) and by_mask[0] < by_mask[2]


def test_only_masked_keeps_all_beyond_the_crop() -> None:
    image = noise(120, 100)
    where = region(box_mask(120, 100, (40, 40, 70, 70)), image.size, 64, 64, MaskRule(blur=(2, 2), only_masked=True, padding=4, rounding=False))
    assert where is not None and where.crop is not None
    init = latents(0)[0]
    mask = composite_mask(init, init + 10, torch.ones(1, 8, 8), where, SOFT, image.size)
    assert mask.size == image.size
    made = finish(noise(64, 64, seed=1), original(image, mask), where.crop)
    outside = np.ones((100, 120), bool)
    outside[where.crop[1] : where.crop[3], where.crop[0] : where.crop[2]] = False
    assert (values(made)[outside] == values(image)[outside]).all()
    assert (values(made)[~outside] != values(image)[~outside]).any()
