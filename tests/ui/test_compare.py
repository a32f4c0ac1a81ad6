"""What differs between two requests, as the table of the comparison tells it."""

from __future__ import annotations

from PIL import Image

from modules.core.groups.editing import Outpaint
from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.ui.compare import among, differences, told


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


def test_what_grew_is_compared_at_its_own_place() -> None:
    sheet = among(Image.new("RGB", (10, 6), "red"), Outpaint(left=8, up=16, down=24))
    assert sheet.size == (18, 46) and sheet.getbbox() == (8, 16, 18, 22)
