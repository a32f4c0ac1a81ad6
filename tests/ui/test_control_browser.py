"""Control units on the page, in a real browser: a picture, a preprocessor and a model by hand; drawn, kept over a reload, read back from the picture; greyed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import expect

from tests.engine import control_studio
from tests.ui.tab import Another, Tab


@pytest.fixture
def square(tmp_path: Path) -> Path:
    file = tmp_path / "square.png"
    control_studio.picture(3, (96, 64)).save(file)
    return file


UNITS = "#txt2img_control_units .easel-control-unit:not([hidden])"
BOX = "() => JSON.parse(document.querySelector('#txt2img_control textarea, #txt2img_control input').value || '[]')"


def opened(tab: Tab) -> Any:
    tab.page.locator("#txt2img_controlnet > button").click()
    unit = tab.page.locator(UNITS)
    expect(unit).to_be_visible()
    return unit


def given(tab: Tab, file: Path) -> Any:
    """The first unit with a picture, canny and the model that its type names."""
    unit = opened(tab)
    unit.locator("input[type=file]").set_input_files(file)
    tab.page.wait_for_function("() => JSON.parse(document.querySelector('#txt2img_control textarea, #txt2img_control input').value || '[]')[0]?.image")
    unit.get_by_role("combobox", name="Control type", exact=True).select_option("Canny")
    return unit


def test_a_unit_is_set_previewed_drawn_and_read_back(tab: Tab, square: Path) -> None:
    page = tab.page
    unit = given(tab, square)
    expect(unit.get_by_role("combobox", name="Preprocessor", exact=True)).to_have_value("canny")
    unit.get_by_role("combobox", name="Model", exact=True).select_option("t2iadapter_canny_small")  # by its header made for SDXL, as the starter is built
    expect(unit.get_by_label("Enable")).to_be_checked()
    unit.get_by_role("button", name="Preview the map").click()
    expect(unit.locator(".pictures > img")).to_be_visible()
    unit.get_by_role("spinbutton", name="Control weight").fill("0.8")
    unit.get_by_role("spinbutton", name="Low threshold").fill("60")
    unit.get_by_role("spinbutton", name="Low threshold").press("Tab")
    unit.get_by_label("My prompt is more important").check()
    (made,) = page.evaluate(BOX)
    assert (made["weight"], made["threshold_a"], made["mode"], made["module"]) == (0.8, 60, "My prompt is more important", "canny")
    expect(page.locator("#txt2img_controlnet")).to_have_attribute("data-changed", "")
    tab.fill(prompt="a cat", steps=2, width=64, height=64)
    tab.until_shown(tab.generate())
    told = page.locator("#html_info_txt2img").inner_text()
    assert "ControlNet 0" in told and "Module: canny" in told and "Weight: 0.8" in told
    tab.reload()
    unit = opened(tab)
    expect(unit.get_by_role("combobox", name="Model", exact=True)).to_have_value("t2iadapter_canny_small")
    expect(unit.get_by_role("spinbutton", name="Control weight")).to_have_value("0.8")
    assert page.evaluate(BOX) == [made]
    unit.get_by_label("Enable").uncheck()
    assert page.evaluate(BOX) == []


def test_tabs_by_keyboard_and_a_narrow_page(another: Another) -> None:
    tab = another(viewport={"width": 390, "height": 844})
    opened(tab)
    first = tab.page.get_by_role("tab", name="Unit 1", exact=True)
    first.focus()
    first.press("ArrowRight")
    expect(tab.page.get_by_role("tab", name="Unit 2", exact=True)).to_be_focused()
    tab.page.get_by_role("button", name="Another unit").click()
    expect(tab.page.get_by_role("tab", name="Unit 4", exact=True)).to_be_focused()
    tab.until_fits()


def test_every_control_has_a_name(tab: Tab) -> None:
    opened(tab)
    nameless = tab.page.evaluate(
        """() => [...document.querySelectorAll('#txt2img_control_units :is(input, select, button)')].filter((one) => one.offsetParent !== null &&
        !(one.getAttribute('aria-label') || one.title || one.closest('label')?.textContent.trim() || one.textContent.trim() || one.type === 'file')).map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_a_learned_preprocessor_says_what_it_lacks(tab: Tab) -> None:
    unit = opened(tab)
    unit.get_by_role("combobox", name="Control type", exact=True).select_option("Depth")
    chosen = unit.get_by_role("combobox", name="Preprocessor", exact=True)
    expect(chosen).to_have_value("none")
    chosen.select_option("depth_midas")
    expect(unit.get_by_text("into models/annotators")).to_be_visible()
    expect(unit.get_by_role("button", name="Preview the map")).to_be_hidden()


def test_the_map_of_a_network_is_previewed(tab: Tab, square: Path) -> None:
    unit = given(tab, square)
    unit.get_by_role("combobox", name="Control type", exact=True).select_option("SoftEdge")
    expect(unit.get_by_role("combobox", name="Preprocessor", exact=True)).to_have_value("softedge_hed")
    button, shown = unit.get_by_role("button", name="Preview the map"), unit.locator(".pictures > img")
    tab.until("() => document.querySelector('#easel_status').textContent === ''")  # the worker may still be loading what draws
    button.click()
    expect(shown).to_be_visible()
    unit.get_by_role("combobox", name="Preprocessor", exact=True).select_option("softedge_hedsafe")
    expect(shown).to_be_hidden()
