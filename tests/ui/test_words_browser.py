"""Wildcards, styles, earlier prompts and the Extensions tab in a real browser: as a person meets them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import expect

from tests.ui.tab import Another, Tab, pixels

pytestmark = pytest.mark.browser

TEMPLATE = "a __thing__ under a {night|teal} sky"


def test_a_template_draws_pictures_of_their_own_words_and_comes_back_by_choice(tab: Tab) -> None:
    tab.fill(prompt=TEMPLATE, steps=3, seed=5, batch_count=3)
    id = tab.generate()
    tab.until_shown(id)
    first = tab.picture()
    texts = [one["infotext"] for one in tab.page.evaluate("(id) => window.easel.ask(`jobs/${id}`)", id)["pictures"]]
    words = [text.split("\n")[0] for text in texts]
    assert len(set(words)) > 1 and all(re.fullmatch("a (rocket|panda|cactus|castle) under a (night|teal) sky", one) for one in words)
    assert all(f"Template: {TEMPLATE}" in text for text in texts)

    tab.fill(prompt=texts[0], seed=9, batch_count=1)
    tab.page.click("#paste")
    offer = tab.page.locator("#txt2img_prompt_container .easel-offer")
    expect(offer).to_contain_text("chosen from a template")
    tab.until_values(prompt=words[0], seed=5)
    tab.until_shown(tab.generate())
    assert pixels(tab.picture()) == pixels(first), "the words as they were chosen: the same picture"
    offer.get_by_role("button", name="Use the template").click()
    expect(tab.box("prompt")).to_have_value(TEMPLATE)
    tab.until_shown(tab.generate())
    assert pixels(tab.picture()) == pixels(first), "the same seed chooses the same words"
    offer.get_by_role("button", name="Use the chosen words").click()
    expect(tab.box("prompt")).to_have_value(words[0])


def test_styles_are_saved_chosen_applied_renamed_and_deleted(tab: Tab, data: Path) -> None:
    tab.fill(prompt="ink on paper", neg_prompt="colour")
    tab.page.click("#txt2img_style_create")
    dialog = tab.page.locator("#easel_styles")
    dialog.get_by_label("Name").fill("ink")
    dialog.get_by_label("Name").press("Enter")
    expect(dialog.locator(".said")).to_have_text("Saved.")
    assert "ink,ink on paper,colour" in (data / "styles.csv").read_text("utf-8-sig")
    dialog.get_by_label("Name").fill("Ink")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".said")).to_contain_text("renamed")
    tab.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    tab.fill(prompt="a fox", neg_prompt="")
    menu = tab.page.locator("#txt2img_styles input")
    menu.click()
    expect(tab.page.get_by_role("option", name="Ink")).to_be_visible()
    tab.page.get_by_role("option", name="Ink").click()
    menu.press("Tab")
    tab.page.click("#txt2img_style_apply")
    expect(tab.box("prompt")).to_have_value("a fox, ink on paper")
    expect(tab.box("neg_prompt")).to_have_value("colour")
    expect(tab.page.locator("#txt2img_styles .token")).to_have_count(0)

    (data / "styles.csv").write_text((data / "styles.csv").read_text("utf-8-sig").replace("ink on paper", "another program's"), "utf-8")
    tab.page.click("#txt2img_styles_edit_button")
    dialog.get_by_role("button", name="Ink").click()
    (data / "styles.csv").write_text((data / "styles.csv").read_text("utf-8-sig").replace("another program's", "once more"), "utf-8")
    tab.forgiven.append("400 (Bad Request)")  # the browser's own line about an answer that is wanted
    dialog.get_by_label("Prompt", exact=True).fill("mine")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".said")).to_contain_text("meanwhile")
    assert "once more" in (data / "styles.csv").read_text("utf-8-sig")
    dialog.get_by_role("button", name="film").click()
    dialog.get_by_role("button", name="film").click()  # the first click says that there are changes
    dialog.get_by_role("button", name="Ink").click()
    dialog.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Really delete?").click()
    expect(dialog.locator(".said")).to_contain_text("was deleted")
    assert "Ink" not in (data / "styles.csv").read_text("utf-8-sig")


def test_a_style_is_lifted_out_of_a_text_that_is_read(tab: Tab) -> None:
    tab.fill(prompt="a fox, film grain\nNegative prompt: cartoon\nSteps: 7, Sampler: Euler a, CFG scale: 4, Seed: 3, Size: 128x128")
    tab.page.click("#paste")
    expect(tab.page.locator("#txt2img_styles .token")).to_have_text(re.compile("film"))
    expect(tab.box("prompt")).to_have_value("a fox")
    tab.until_values(neg_prompt="", seed=3)


def test_earlier_prompts_and_insertions_by_keyboard_alone(tab: Tab) -> None:
    tab.fill(prompt="a heron in the rain", neg_prompt="blurry", steps=1, batch_count=1)
    tab.until_shown(tab.generate())
    tab.fill(prompt="", neg_prompt="")
    tab.page.locator("#txt2img_prompt_history").focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#easel_history li").first).to_be_visible()
    tab.page.keyboard.type("heron")
    expect(tab.page.locator("#easel_history li")).to_have_count(1)
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("Enter")
    expect(tab.box("prompt")).to_have_value("a heron in the rain")
    expect(tab.box("neg_prompt")).to_have_value("blurry")

    tab.box("prompt").press("End")
    tab.page.locator("#txt2img_insertions").focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#easel_insertions li")).to_have_text([re.compile("__thing__.*4: rocket, panda, cactus, castle")])
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("Enter")
    expect(tab.box("prompt")).to_have_value("a heron in the rain __thing__")
    tab.page.keyboard.press("Control+z")
    expect(tab.box("prompt")).to_have_value("a heron in the rain")


def test_the_extensions_tab(tab: Tab) -> None:
    expect(tab.page.locator("#easel_reports")).to_contain_text("The extension broken is switched off")
    tab.page.click("#tab_extensions-button")
    broken, wildcards = (tab.page.locator(f"#easel_extensions li[data-name={name}]") for name in ("broken", "wildcards"))
    expect(broken).to_contain_text("No module named 'no_such_module'")
    switch = wildcards.get_by_role("switch")
    expect(switch).to_be_checked()
    switch.press("Space")
    expect(wildcards).to_contain_text("off")
    tab.page.click("#tab_txt2img-button")
    tab.fill(prompt="{a|b}", steps=1)
    id = tab.generate()
    tab.until_shown(id)
    assert tab.page.evaluate("window.easel.shown.infotext").startswith("{a|b}")
    tab.page.click("#tab_extensions-button")
    wildcards.get_by_role("switch").check()
    expect(wildcards).to_contain_text("· on")


def test_on_a_phone(another: Another) -> None:
    tab = another("?__theme=dark", viewport={"width": 390, "height": 844})
    for button, dialog in (("prompt_history", "easel_history"), ("insertions", "easel_insertions"), ("styles_edit_button", "easel_styles")):
        tab.page.click(f"#txt2img_{button}")
        found = tab.page.locator(f"#{dialog} .body")
        expect(found).to_be_visible()
        box = tab.rest(found)
        assert box.x >= 0 and box.x + box.width <= 390 and box.y >= 0 and box.height <= 844
        tab.until_fits()
        tab.page.keyboard.press("Escape")
        expect(found).to_be_hidden()
