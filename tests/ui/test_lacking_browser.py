"""Entries of a menu that do not work with the chosen checkpoint, as a person meets them."""

from __future__ import annotations

import hashlib
import io

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from PIL import Image
from playwright.sync_api import expect

from modules.core.records.samplers import SAMPLERS
from tests.ui.tab import Tab

pytestmark = pytest.mark.browser
MENU = "#txt2img_sampling"


def test_an_entry_that_does_not_work_says_why_and_cannot_be_chosen(tab: Tab) -> None:
    """The starter works with all samplers, so the answer for another family stands in for its own."""
    places = [SAMPLERS.names().index("DDIM")]
    tab.page.route(
        "**/easel/lacks", lambda route: route.fulfill(json={"lacks": {}, "unsuited": {MENU[1:]: {"why": "Does not work with FLUX.1.", "places": places}}})
    )
    tab.reload()
    tab.settle()
    before = tab.page.input_value(f"{MENU} input")
    tab.page.click(f"{MENU} input")
    dead = tab.page.locator(f"{MENU} .easel-unsuited")
    expect(dead).to_have_count(1)
    expect(dead).to_have_attribute("title", "Does not work with FLUX.1.")
    expect(dead).to_have_attribute("aria-disabled", "true")
    dead.click(force=True)
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("Tab")
    expect(tab.page.locator(f"{MENU} input")).to_have_value(before)
    tab.page.click(f"{MENU} input")
    tab.page.get_by_role("option", name="Euler a", exact=True).click()
    expect(tab.page.locator(f"{MENU} input")).to_have_value("Euler a")


def test_a_depth_map_has_its_place_while_the_checkpoint_draws_after_one(tab: Tab) -> None:
    """The starter is no such checkpoint, so the answer for another one stands in for its own."""
    page, said = tab.page, {"variant": "depth"}
    page.route("**/easel/lacks", lambda route: route.fulfill(json={"lacks": {}, "unsuited": {}, **said}))
    tab.reload()
    page.click("#tab_img2img-button")
    place, box = page.locator("#img2img_depth"), page.locator("#img2img_init_depth textarea")
    expect(place.get_by_role("button", name="Drop a depth map here")).to_be_visible()
    buffer = io.BytesIO()
    Image.radial_gradient("L").save(buffer, "PNG")
    place.locator("input[type=file]").set_input_files(files=[{"name": "near.png", "mimeType": "image/png", "buffer": buffer.getvalue()}])
    expect(box).to_have_value(f"sha256:{hashlib.sha256(buffer.getvalue()).hexdigest()}")
    place.get_by_role("button", name="Remove the picture").click()
    expect(box).to_have_value("")
    said["variant"] = ""
    tab.reload()
    page.click("#tab_img2img-button")
    expect(page.locator("#img2img_canvas_img2img").get_by_role("button", name="Drop a picture here")).to_be_visible()
    expect(place).to_be_hidden()
