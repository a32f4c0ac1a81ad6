"""The Script menu as a person uses it: an X/Y/Z plot chosen, filled, drawn, stopped and gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import expect

from tests.ui import page as at
from tests.ui.tab import Tab

pytestmark = pytest.mark.browser
PLOT = "#txt2img_script_xyz_plot"


def choose(tab: Tab, menu: str, name: str) -> None:
    tab.page.click(f"{menu} input")
    tab.page.get_by_role("option", name=name, exact=True).click()


def test_a_plot_is_drawn_stopped_and_gone_on_with(tab: Tab, data: Path) -> None:
    def saved() -> dict[str, set[Path]]:
        return {kind: set(data.rglob(f"{kind}/**/*.png")) for kind in ("txt2img-images", "txt2img-grids")}

    def added(kind: str) -> int:
        return len(saved()[kind] - before[kind])

    expect(tab.page.locator(PLOT)).to_be_hidden()
    choose(tab, "#txt2img_script_list", "X/Y/Z plot")
    expect(tab.page.locator(PLOT)).to_be_visible()
    tab.page.fill(f"{PLOT}_x_values textarea", "1-3")
    choose(tab, f"{PLOT}_y_type", "Sampler")
    expect(tab.page.locator(f"{PLOT}_y_menu")).to_be_visible()
    expect(tab.page.locator(f"{PLOT}_y_values")).to_be_hidden()
    for name in ("Euler a", "DDIM"):
        choose(tab, f"{PLOT}_y_menu", name)
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator(f"{PLOT}_size")).to_have_text("3 × 2 = 6 cells.")

    tab.page.fill("#txt2img_prompt textarea", "a rocket under a night sky")
    for steps in (60, 240, 960):  # longer, where all were made before two were seen
        before = saved()
        tab.fill(steps=steps)
        id = tab.generate()
        tab.until(f"() => document.querySelectorAll('#txt2img_gallery .easel-strip button[data-job=\"{id}\"]').length >= 2")
        tab.page.keyboard.press("Escape")
        tab.until(at.IDLE)
        if added("txt2img-images") < 6:
            break
    assert 1 <= added("txt2img-images") < 6

    tab.page.click("#tab_queue-button")
    tab.page.locator("#easel_queue .over button[aria-label^='Go on']").first.click()
    tab.until(f"() => document.querySelectorAll('#txt2img_gallery .easel-strip button:not([data-job=\"{id}\"])').length === 7")
    tab.until(at.IDLE)
    assert added("txt2img-images") == 6, "what was drawn already was not drawn twice"
    assert added("txt2img-grids") == 2
    expect(tab.page.locator("#html_info_txt2img")).to_contain_text("Script: X/Y/Z plot")


def test_what_is_wrong_with_an_axis_is_said(tab: Tab) -> None:
    choose(tab, "#txt2img_script_list", "X/Y/Z plot")
    choose(tab, f"{PLOT}_x_type", "Steps")
    tab.page.fill(f"{PLOT}_x_values textarea", "many")
    tab.page.click("#txt2img_generate")
    expect(tab.page.locator("#txt2img_gallery .easel-failure")).to_contain_text("X axis")
