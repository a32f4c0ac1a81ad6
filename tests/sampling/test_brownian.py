from __future__ import annotations

import pytest
import torch
import torchsde
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modules.sampling.brownian import BrownianPath

SHAPE = (2, 4, 4)
START, END = 0.0291675, 14.614643


def drawn(seed: int) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def path(seed: int = 5) -> BrownianPath:
    return BrownianPath(seed, START, END, drawn)


TIMES = st.floats(START, END)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=6), st.integers(0, 2**63 - 1))
def test_to_the_bit_the_tree_of_torchsde(pairs: list[tuple[float, float]], seed: int) -> None:
    ours, tree = path(seed), torchsde.BrownianTree(START, torch.zeros(SHAPE), END, entropy=seed)
    for pair in pairs:
        earlier, later = sorted(pair)
        if round(earlier, 6) < round(later, 6):
            assert torch.equal(ours.increment(earlier, later), tree(earlier, later))


@settings(max_examples=30, deadline=None)
@given(TIMES, TIMES, TIMES)
def test_increments_add_up(a: float, b: float, c: float) -> None:
    a, b, c = sorted((a, b, c))
    ours = path()
    assert torch.allclose(ours.increment(a, b) + ours.increment(b, c), ours.increment(a, c), atol=1e-4)


def test_the_path_does_not_depend_on_the_questions() -> None:
    levels = torch.linspace(END, START, 30).tolist()
    one, other = path(), path()
    downwards = [one.increment(low, high) for high, low in zip(levels, levels[1:], strict=False)]
    upwards = [other.increment(low, high) for high, low in zip(levels, levels[1:], strict=False)][::-1]
    assert all(torch.equal(first, second) for first, second in zip(downwards, reversed(upwards), strict=True))


@pytest.mark.parametrize(("earlier", "later"), [(0.05, 0.051), (1.0, 3.0), (START, END), (7.0, 14.0)])
def test_variance_is_the_time_between(earlier: float, later: float) -> None:
    increments = torch.stack([path(seed).increment(earlier, later) for seed in range(150)])
    assert float(increments.var()) == pytest.approx(later - earlier, rel=0.12)
    assert abs(float(increments.mean())) < 4 * ((later - earlier) / increments.numel()) ** 0.5


def test_times_outside_are_its_ends() -> None:
    assert torch.equal(path().increment(-3, 99), path().increment(START, END))
    assert torch.equal(path().increment(20, 30), torch.zeros(SHAPE))
    assert torch.equal(path().increment(3, 3), torch.zeros(SHAPE))
    assert torch.equal(BrownianPath(1, 2.0, 2.0, drawn).increment(2, 2), torch.zeros(SHAPE))
