"""Extras by hand in a real browser: a picture sent there, enlarged by a network, compared with what it was, looked at in PNG Info, and its prompt back."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from PIL import Image
from playwright.sync_api import expect

from modules.core.extras import ExtrasRequest
from modules.infotext import files
from modules.infotext.read import read
from tests.ui.tab import SUBMITTED, Another, Tab

pytestmark = pytest.mark.browser


def pressed(tab: Tab) -> str:
    """Generate. -> the id of the job that it made, once it is done and shown."""
    before = len(tab.page.evaluate(SUBMITTED))
    tab.page.click("#extras_generate")
    tab.page.wait_for_function(f"(before) => ({SUBMITTED})().length > before", arg=before)
    id = str(tab.page.evaluate(SUBMITTED)[-1])
    tab.until_shown(id)
    return id


def test_from_txt2img_through_extras_and_png_info_back(tab: Tab) -> None:
    page = tab.page
    tab.fill(prompt="a rocket", steps=3, width=64, height=64, seed=7)
    tab.until_shown(tab.generate())
    drawn = tab.picture()

    page.click("#txt2img_send_to_extras")
    page.wait_for_function("() => window.easel.extras.canvas && window.easel.extras.canvas.picture")
    tab.prefix = "extras"
    tab.box("upscaler_1").click()
    page.get_by_role("option", name="2x-small").click()
    tab.fill(upscaling_resize=2)
    pressed(tab)
    large = tab.picture()
    assert Image.open(io.BytesIO(large)).size == (128, 128)
    reading = read(files.read(large))
    assert isinstance(reading.wish, ExtrasRequest) and reading.wish.upscaler == "2x-small"
    assert reading.request == read(files.read(drawn)).request, "what made the small picture came along"
    expect(page.locator("#html_info_extras")).to_contain_text("Postprocess upscaler: 2x-small")

    page.click("#extras_compare")
    expect(page.locator("#easel_compare .choices").first.get_by_role("button", name="What it was made from")).to_be_visible()
    page.keyboard.press("Escape")

    page.click("#extras_send_pnginfo")
    expect(page.locator("#pnginfo_html_info")).to_contain_text("Extras: Upscaler 1")
    page.evaluate("() => window.easel.put(window.easel.panels.txt2img.box('prompt'), 'another prompt')")
    page.locator("#txt2img_tab").press("Enter")
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a rocket")
    tab.prefix = "txt2img"
    assert tab.value("seed") == "7"

    page.click("#tab_extras-button")
    tab.prefix = "extras"
    page.click("#extras_mode_batch")
    pictures = [{"name": f"{colour}.png", "mimeType": "image/png", "buffer": files.encode(Image.new("RGB", (9, 5), colour), "")} for colour in ("red", "blue")]
    page.set_input_files("#extras_image .easel-batch input[type=file]", pictures)
    expect(page.locator("#extras_image .easel-batch li")).to_have_count(2)
    page.locator("#extras_upscaling_resize input[type=number]").press("Control+Enter")
    page.wait_for_function("() => window.easel.shown && window.easel.shown.name === 'red.png'")
    expect(page.locator("#extras_gallery .easel-strip button")).to_have_count(2)
    tab.until_all_done()

    tab.reload()
    page.click("#tab_extras-button")
    expect(page.locator("#extras_mode_batch")).to_have_attribute("aria-pressed", "true")
    expect(tab.box("upscaler_1")).to_have_value("2x-small")


def test_a_folder_with_the_keyboard_alone_at_a_phone_s_width(another: Another, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("b", "a"):
        Image.new("RGB", (16, 16), "teal").save(folder / f"{name}.png")
    tab = another(viewport={"width": 390, "height": 844})
    page = tab.page
    page.locator("#tab_extras-button").focus()
    page.keyboard.press("Enter")
    page.locator("#extras_mode_folder").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Input directory").locator("visible=true").fill(str(folder))
    page.keyboard.press("Control+Enter")
    tab.prefix = "extras"
    page.wait_for_function("() => window.easel.shown && window.easel.shown.name === 'a.png'")
    tab.until_all_done()
    assert {"a.png", "b.png"} <= {path.name for path in (data / "outputs" / "extras-images").rglob("*.png")}
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png"], "nothing is written there"
    tab.until_fits()
    unnamed = "() => [...document.querySelectorAll('#tab_extras :is(button, input, textarea, select)')].filter((e) => e.offsetParent && !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length || e.title)).map((e) => e.outerHTML.slice(0, 120))"
    assert page.evaluate(unnamed) == []
