"""What differs between two requests, as the table of the comparison tells it."""

from __future__ import annotations

from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.ui.compare import differences, told


def test_only_what_differs_is_told_in_the_order_of_the_request() -> None:
    first = GenerationRequest(prompt="a cat", seed=1, tiling=True)
    second = with_values(first, {"prompt": "a dog", "seed": 2, "tiling": False, "count": 9, "spacing.rho": 5.0})
    rows = differences(first, second)
    assert [(row["name"], row["a"], row["b"]) for row in rows] == [
        ("prompt", "a cat", "a dog"),
        ("seed", "1", "2"),
        ("tiling", "on", "off"),
        ("spacing.rho", "0.0", "5.0"),
    ]
    assert differences(first, first) == []


def test_values_as_words() -> None:
    assert [told(value) for value in (None, "", True, (1, 2), {"a": "b"}, 0.5)] == ["–", "–", "on", "1, 2", "a: b", "0.5"]
    assert len(told("x" * 100_000)) < 5000
