"""The menu of sizes that suit a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.catalog.card import Card
from modules.core.records.families import FAMILIES
from modules.ui import sizes
from tests.ui.tab import Tab


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((1024, 1024), "1:1"),
        ((1152, 896), "5:4"),
        ((896, 1152), "4:5"),
        ((1216, 832), "3:2"),
        ((1344, 768), "16:9"),
        ((768, 512), "3:2"),
        ((1536, 640), "12:5"),
    ],
)
def test_shapes_have_the_names_that_people_know(size: tuple[int, int], shown: str) -> None:
    assert sizes.shape(*size) == shown


@pytest.mark.parametrize("name", [name for name in FAMILIES.names() if FAMILIES.get(name).sizes])
def test_sizes_can_be_drawn_and_begin_with_the_usual_one(name: str) -> None:
    record = FAMILIES.get(name)
    assert record.sizes[0] == (record.native, record.native)
    assert len(set(record.sizes)) == len(record.sizes)
    for width, height in record.sizes:
        assert width % 64 == height % 64 == 0 and 0.7 < width * height / record.native**2 <= 2


def test_sizes_follow_a_smaller_model() -> None:
    card = Card(path=Path("x"), name="x", family="sd1", defaults={"width": 128, "height": 128})
    assert sizes.sizes(card, FAMILIES.get("sd1"))[:2] == [(128, 128), (160, 128)]


def test_the_menu_of_sizes(tab: Tab) -> None:
    tab.page.click("#txt2img_size_menu")
    entries = tab.page.locator("#context-menu button")
    entries.first.wait_for()
    assert entries.all_inner_texts()[:2] == ["128 × 128 (1:1)", "160 × 128 (5:4)"]
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("Enter")
    assert (tab.value("width"), tab.value("height")) == ("160", "128")
    assert tab.page.locator("#context-menu").is_hidden()
