"""Outpainting in a real browser: each side by one click, the size told beforehand, and the old picture untouched."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import Browser, expect

from tests.imaging import painting
from tests.ui import page as at
from tests.ui.tab import Tab, checked
from tests.ui.test_canvas_browser import give

pytestmark = pytest.mark.browser
expect.set_options(timeout=at.PATIENCE * 1000)


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with at.serving(tmp_path_factory.mktemp("outpaint")) as address:
        yield address


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Tab]:
    for tab in checked(browser, address):
        tab.prefix = "img2img"
        yield tab


def test_each_side_by_one_click(tab: Tab) -> None:
    image = painting.ramp(96, 64)
    out = io.BytesIO()
    image.save(out, "PNG")
    give(tab, "outpaint", out.getvalue())
    tab.fill(prompt="a house in a meadow", steps=2, seed=5)
    for side, size in (("left", (160, 64)), ("right", (160, 64)), ("up", (96, 128)), ("down", (96, 128))):
        tab.page.click(".easel-grow button[data-side=none]")
        tab.page.click(f".easel-grow button[data-side={side}]")
        expect(tab.page.locator(".easel-grown")).to_have_text(f"96 × 64 → {size[0]} × {size[1]}")
        job = tab.generate()
        tab.until_state(job, "done")
        tab.until_shown(job)
        made = np.asarray(Image.open(io.BytesIO(tab.picture())).convert("RGB"))
        assert made.shape[:2] == size[::-1]
        x, y = 64 * (side == "left"), 64 * (side == "up")
        inner = np.s_[y + 8 : y + 56, x + 8 : x + 88]
        assert np.array_equal(made[inner], np.asarray(image)[8:56, 8:88])
