"""A page as a person has set it up, in a real browser: in German, tabs in their own order, controls in the header; and the tab Settings with its search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import Browser, Locator, Page, expect

from modules.core.paths import PROJECT
from tests.ui.page import opened, serving

CHOSEN = {
    "localization": "de_DE",
    "quicksettings_list": ["CLIP_stop_at_last_layers", "samples_format"],
    "ui_tab_order": ["PNG Info"],
    "hidden_tabs": ["Queue", "Extras"],
}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data: Path = tmp_path_factory.mktemp("data")
    (data / "settings.yaml").write_text(yaml.safe_dump(CHOSEN))
    with serving(data) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Page:
    return opened(browser, address)


def shown(page: Page) -> Locator:
    return page.locator("#settings_sections .easel-section:visible h3")


def test_tabs_stand_as_they_were_chosen_and_the_first_is_open(page: Page) -> None:
    expect(page.locator("#tab_pnginfo-button")).to_have_attribute("aria-selected", "true")
    assert page.locator("#tabs [role=tab]:visible").all_text_contents()[:2] == ["PNG-Info", "txt2img"]
    assert page.locator("#tab_queue-button").count() == 0


def test_the_header_holds_what_was_chosen(page: Page) -> None:
    expect(page.locator("#quicksettings_more input[aria-label*='Clip skip']").first).to_be_visible()
    expect(page.locator("#quicksettings_more #setting_samples_format")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("() => document.documentElement.scrollWidth <= 390")
    page.set_viewport_size({"width": 1400, "height": 900})


def test_one_section_at_a_time_and_a_search_over_all(page: Page) -> None:
    page.click("#tab_settings-button")
    page.click("#settings_nav button[data-section=settings_live_previews]")
    expect(shown(page)).to_have_text(["Live-Vorschau"])
    page.fill("#settings_search", "jpeg_quality")
    expect(page.locator("#settings_found")).to_have_text("1 gefunden")
    expect(shown(page)).to_have_text(["Speichern von Bildern/Rastern"])
    page.fill("#settings_search", "outdir_save")
    expect(page.locator("#setting_outdir_save")).to_be_visible()
    page.fill("#settings_search", "no such setting")
    expect(page.locator("#settings_found")).to_have_text("So heißt nichts.")
    page.press("#settings_search", "Escape")
    expect(shown(page)).to_have_text(["Live-Vorschau"])
    page.click("#settings_nav button[data-section=settings_]")
    expect(shown(page).nth(7)).to_be_visible()
    page.click("#settings_nav button[data-section=settings_defaults]")
    expect(page.locator("#settings_submit")).to_be_hidden()
    expect(page.locator("#ui_defaults_view")).to_be_visible()


def test_every_control_of_settings_has_a_name(page: Page) -> None:
    page.click("#settings_nav button[data-section=settings_]")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('#tab_settings :is(button, input, textarea), #quicksettings_more :is(button, input)')]
        .filter((one) => one.offsetParent !== null && !(one.textContent.trim() || one.getAttribute('aria-label') || one.title || (one.labels && [...one.labels].some((label) => label.textContent.trim()))))
        .map((one) => one.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_a_hidden_tab_is_said_where_something_would_go_there(page: Page) -> None:
    asked = page.evaluate("async () => { let asked = false; await window.easel.send('extras', async () => { asked = true; }); return asked; }")
    expect(page.locator("#easel_messages")).to_contain_text("ausgeblendet")
    assert asked is False


def test_the_page_speaks_german(page: Page) -> None:
    assert page.get_attribute("html", "lang") == "de-DE"
    page.click("#tab_txt2img-button")
    expect(page.locator("#txt2img_generate")).to_have_text("Generieren")
    assert (page.get_attribute("#txt2img_prompt textarea", "placeholder") or "").startswith("Prompt, zum Beispiel: ")
    assert page.get_attribute("#txt2img_clear_prompt", "title") == "Prompt leeren"
    page.fill("#txt2img_prompt textarea", "Settings")
    assert page.input_value("#txt2img_prompt textarea") == "Settings", "what people write is theirs"
    page.click("#tab_settings-button")
    page.click("#settings_submit")
    expect(page.locator("#easel_messages")).to_contain_text("Nichts wurde geändert.")
    page.evaluate("window.easel.say('steps = 0 is not usable. Give 1 or more. A word of mine. Is it?', 'error')")
    expect(page.locator("#easel_messages")).to_contain_text("steps = 0 ist nicht brauchbar. 1 oder mehr angeben. A word of mine. Is it?")


def test_no_english_is_left_where_there_is_german(page: Page) -> None:
    tree = json.loads((PROJECT / "localizations" / "de_DE.json").read_text("utf-8"))
    english = {text for text, word in tree.items() if text != word} - set(tree.values())
    for tab in ("txt2img", "img2img", "pnginfo", "settings", "extensions"):
        page.click(f"#tab_{tab}-button")
        page.wait_for_function(f"() => document.querySelector('#tab_{tab}-button').getAttribute('aria-selected') === 'true'")
        shown = page.evaluate(
            """() => { const words = []; const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            for (let node = walker.nextNode(); node; node = walker.nextNode())
                if (node.parentElement.checkVisibility() && !node.parentElement.closest('textarea, script, style')) words.push(node.data.replace(/\\s+/g, ' ').trim());
            return words; }"""
        )
        assert sorted(set(shown) & english) == [], tab
