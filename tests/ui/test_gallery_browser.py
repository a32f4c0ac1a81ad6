"""Generate forever, comparing pictures, chips and moving words, as a person does them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import expect

from tests.ui import page as at
from tests.ui.tab import Tab

pytestmark = pytest.mark.browser


def test_generate_forever_goes_on_until_it_is_cancelled(tab: Tab, data: Path) -> None:
    tab.fill(prompt="again and again", steps=2)
    before = len(list(data.rglob("*.png")))
    tab.page.click("#txt2img_generate", button="right")
    tab.page.get_by_role("menuitem", name="Generate forever").press("Enter")
    tab.until("() => document.querySelector('#txt2img_generate_box').classList.contains('forever')")
    tab.until("() => window.easel.jobs().filter((job) => job.state === 'done' && job.prompt === 'again and again').length >= 3")
    assert len(list(data.rglob("*.png"))) >= before + 3
    tab.page.dispatch_event("#txt2img_generate", "contextmenu")
    tab.page.get_by_role("menuitem", name="Cancel generate forever").click()
    tab.until("() => !document.querySelector('#txt2img_generate_box').classList.contains('forever')")
    tab.until(at.IDLE)


def test_two_pictures_are_compared(tab: Tab) -> None:
    tab.page.fill("#txt2img_prompt textarea", "a red apple")
    tab.fill(steps=2, seed=1)
    tab.until_shown(tab.generate())
    tab.fill(steps=3)
    tab.until_shown(tab.generate())
    tab.page.click("#txt2img_compare")
    dialog = tab.page.get_by_role("dialog", name="Compare two pictures")
    expect(dialog).to_be_visible()
    row = dialog.locator("tbody tr").filter(has_text="Sampling steps")
    expect(row.locator("td")).to_have_text(["2", "3"])
    before = dialog.locator("img.a").evaluate("(image) => getComputedStyle(image).clipPath")
    dialog.get_by_label("How much of A is shown").fill("90")
    assert dialog.locator("img.a").evaluate("(image) => getComputedStyle(image).clipPath") != before
    tab.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_elements_of_a_prompt_are_moved_by_key(tab: Tab) -> None:
    tab.page.fill("#txt2img_prompt textarea", "a cat, (red, big:1.2), sky")
    tab.page.locator("#txt2img_prompt textarea").evaluate("(area) => area.setSelectionRange(10, 10)")
    tab.page.focus("#txt2img_prompt textarea")
    tab.page.keyboard.press("Alt+ArrowRight")
    assert tab.page.input_value("#txt2img_prompt textarea") == "a cat, sky, (red, big:1.2)"
    tab.page.keyboard.press("Alt+ArrowLeft")
    tab.page.keyboard.press("Alt+ArrowLeft")
    assert tab.page.input_value("#txt2img_prompt textarea") == "(red, big:1.2), a cat, sky"
    tab.page.keyboard.press("Control+z")
    assert tab.page.input_value("#txt2img_prompt textarea") == "a cat, (red, big:1.2), sky"


def test_a_picture_is_compared_with_the_one_it_was_made_from(tab: Tab) -> None:
    tab.page.fill("#txt2img_prompt textarea", "a red apple")
    tab.fill(steps=2, seed=1)
    tab.until_shown(tab.generate())
    shown = tab.page.evaluate("() => window.easel.panels.txt2img.shown")
    assert tab.page.request.get(f"{tab.page.url.split('?')[0]}easel/before/{shown['job']}/{shown['number']}").status == 204, "it was made from nothing"
    tab.page.click("#txt2img_hr button")
    tab.page.check("#txt2img_hires_enabled input")
    tab.until_shown(tab.generate())
    tab.page.click("#txt2img_compare")
    dialog = tab.page.get_by_role("dialog", name="Compare two pictures")
    expect(dialog.get_by_label("What it was made from").first).to_have_attribute("aria-pressed", "true")
    size = "(image) => image.decode().then(() => image.naturalWidth)"
    assert (dialog.locator("img.a").evaluate(size), dialog.locator("img.b").evaluate(size)) == (128, 256)
