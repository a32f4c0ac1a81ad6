"""The plan of a request, as data."""

from __future__ import annotations

import pytest

from modules.core.groups.sampling import Variation
from modules.core.limits import SEED_LIMIT
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest, single
from modules.engine.plan import plan, takes


@pytest.mark.parametrize(("size", "latent"), [((512, 768), (4, 96, 64)), ((100, 71), (4, 8, 12))])
def test_sizes_that_do_not_divide_are_floored(size: tuple[int, int], latent: tuple[int, int, int]) -> None:
    (stage,) = plan(GenerationRequest(width=size[0], height=size[1]), FAMILIES.get("sd1"))
    assert stage.latent == latent


def test_pictures_are_evaluated_one_by_one_unless_the_request_says_otherwise() -> None:
    assert [list(take) for take in takes(GenerationRequest(count=2, batch_size=2))] == [[0], [1], [2], [3]]
    assert [list(take) for take in takes(GenerationRequest(count=2, batch_size=2, batched=True))] == [[0, 1], [2, 3]]


def test_seeds_count_up_unless_a_variation_seed_does() -> None:
    plain = GenerationRequest(seed=5, count=3)
    assert [single(plain, index).seed for index in range(3)] == [5, 6, 7]
    varied = GenerationRequest(seed=5, count=3, variation=Variation(seed=8, strength=0.1))
    assert [(one.seed, one.variation.seed) for one in (single(varied, index) for index in range(3))] == [(5, 8), (5, 9), (5, 10)]
    assert single(GenerationRequest(seed=SEED_LIMIT, count=2), 1).seed == 0
