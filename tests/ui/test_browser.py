"""The page as a person uses it: a real server process, the starter model, a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import Browser, expect

from tests.ui import page as at
from tests.ui.tab import Another, Tab, answered, pixels

pytestmark = pytest.mark.browser

PROMPT = "a rocket under a night sky"
LONG = 100
"""Pictures of a job that is to run until it is interrupted, however slow the page is beside it."""


def test_first_picture(tab: Tab, data: Path) -> None:
    tab.until_values(width=128, height=128)  # the starter's own size
    tab.page.click("#txt2img_prompt textarea")
    tab.settle()
    tab.page.keyboard.type(PROMPT, delay=10)
    assert [url for url in tab.asked if "/easel/" not in url and answered(url)] == [], "typing asks Gradio for nothing"
    tab.until("() => Number(document.querySelector('#txt2img_token_counter .counter').textContent.split('/')[0]) > 3")
    tab.fill(steps=150, batch_count=LONG)
    tab.generate()
    tab.until("() => document.querySelector('.easel-stage').classList.contains('previewing')")
    tab.until(at.STEPPING)
    tab.page.keyboard.press("Escape")
    tab.until(at.IDLE)
    tab.fill(steps=20, batch_count=1)
    tab.until_shown(tab.generate())
    info = tab.page.locator("#html_info_txt2img").inner_text()
    assert PROMPT in info and "Steps: 20" in info
    assert "Time taken" in tab.page.locator("#html_log_txt2img").inner_text()
    first = tab.picture()
    assert first in [file.read_bytes() for file in data.rglob("*.png")], "what is shown is the saved file, byte for byte"

    tab.page.click("#txt2img_reuse_seed")
    seed = tab.value("seed")
    assert int(seed) >= 0 and f"Seed: {seed}" in info
    tab.until_shown(tab.generate())
    assert pixels(tab.picture()) == pixels(first), "the same seed, the same picture"
    tab.page.click("#txt2img_random_seed")
    tab.until_values(seed=-1)


def test_the_example_prompt(tab: Tab) -> None:
    button = tab.page.locator("#txt2img_use_example")
    example = button.get_attribute("data-prompt") or ""
    assert example and example in (tab.box("prompt").get_attribute("placeholder") or "")
    button.evaluate("(button) => button.click()")
    tab.until_values(prompt=example)


def test_interrupt(tab: Tab) -> None:
    tab.fill(prompt=PROMPT, steps=150, batch_count=LONG)
    id = tab.generate()
    tab.until(at.STEPPING)
    tab.page.keyboard.press("Escape")
    assert tab.until_state(id, "cancelled")["made"] < LONG
    tab.until(at.IDLE)


def test_skip_goes_on_with_the_next_picture(tab: Tab) -> None:
    tab.fill(prompt=PROMPT, steps=150, width=64, height=64, batch_count=LONG, seed=40)
    id = tab.generate()
    tab.until(at.STEPPING)
    tab.page.keyboard.press("Alt+Enter")
    gone_on = """async (id) => { for (;;) {
        const whole = (await window.easel.ask(`jobs/${id}`)).pictures.filter((one) => one.complete).map((one) => Number(one.seed));
        if (Math.max(...whole) - 39 > whole.length) break;
        await new Promise((done) => setTimeout(done, 200));
    } }"""
    tab.page.evaluate(gone_on, id)
    tab.page.keyboard.press("Escape")
    tab.until_state(id, "cancelled")
    tab.page.wait_for_function("(id) => window.easel.shown && window.easel.shown.job === id && window.easel.shown.state === 'cancelled'", arg=id)
    pictures = tab.page.evaluate("(id) => window.easel.ask(`jobs/${id}`)", id)["pictures"]
    whole = [int(picture["seed"]) for picture in pictures if picture["complete"]]
    assert len(set(range(40, max(whole) + 1)) - set(whole)) == 1, "one was skipped, and drawing went on"
    assert tab.page.evaluate("window.easel.shown.seed") == str(whole[0]), "not the one that was skipped"
    broken = tab.page.locator(".easel-strip button.incomplete")
    expect(broken).to_have_count(len(pictures) - len(whole))
    assert all("not saved" in (one.get_attribute("title") or "") for one in broken.all())


def test_leaving_a_menu_changes_nothing(tab: Tab) -> None:
    tab.settle()
    tab.fill(prompt=PROMPT, steps=120, batch_count=LONG)
    with tab.page.expect_response(lambda answer: "/gradio_api/" in answer.url) as answer:
        tab.page.locator("#setting_sd_model_checkpoint input").focus()
        tab.page.keyboard.press("Tab")
    answer.value.finished()
    tab.settle()
    assert (tab.value("steps"), tab.value("batch_count"), tab.messages()) == ("120", str(LONG), "")
    tab.page.locator("#txt2img_scheduler input").focus()
    expect(tab.page.locator("ul[role=listbox]")).to_have_count(1)
    tab.page.keyboard.press("Tab")
    expect(tab.page.locator("[role=combobox][aria-expanded=true], ul[role=listbox]")).to_have_count(0)
    id = tab.generate()
    tab.until(at.STEPPING)
    tab.page.locator("#txt2img_scheduler input").focus()
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Escape")
    tab.until_state(id, "cancelled")


def test_typing_in_a_menu_replaces_the_name(tab: Tab) -> None:
    menu = tab.page.locator("#txt2img_sampling input")
    menu.click()
    tab.until(
        "() => { const { value, selectionStart, selectionEnd } = document.activeElement; return value && selectionStart === 0 && selectionEnd === value.length; }"
    )
    tab.page.keyboard.type("unipc")
    expect(menu).to_have_value("unipc")
    expect(tab.page.get_by_role("option")).to_have_count(1)
    tab.page.keyboard.press("Enter")
    expect(menu).to_have_value("UniPC")


def test_a_second_page_after_an_interrupt(another: Another, tab: Tab) -> None:
    second = another()
    tab.fill(prompt=PROMPT, steps=150, seed=3, batch_count=LONG)
    id = tab.generate()
    for one in (tab, second):
        one.until("() => document.querySelector('.easel-stage').classList.contains('previewing')")
    tab.page.keyboard.press("Escape")
    tab.until_state(id, "cancelled")
    second.until("() => !document.querySelector('.easel-stage.previewing')")


def test_numbers_beyond_the_slider(tab: Tab) -> None:
    tab.page.check("#txt2img_subseed_show input")
    tab.fill(subseed_strength=9999)
    tab.box("subseed_strength").press("Tab")
    tab.until_said("9999")
    tab.fill(width=4096)
    tab.box("width").press("Tab")
    tab.until_values(width=4096, subseed_strength=1)
    tab.page.click("#txt2img_res_switch_btn")
    tab.until_values(width=128, height=4096)
    assert "4096" not in tab.messages()


def test_accordions_tell_what_is_set_in_them(tab: Tab) -> None:
    marked = "() => [...document.querySelectorAll('.easel-accordion[data-changed]')].map((one) => one.id).join()"
    tab.settle()
    assert tab.page.evaluate(marked) == ""
    tab.page.click("#txt2img_solver > button")
    tab.fill(solver_eta="0.5")
    tab.until(f"() => ({marked})() === 'txt2img_solver'")
    tab.reload()
    tab.until(f"() => ({marked})() === 'txt2img_solver'")


def test_a_prompt_that_is_too_long(tab: Tab) -> None:
    tab.forgiven.append("400 (Bad Request)")  # the browser's own line about an answer that is wanted
    tab.fill(neg_prompt="a car", prompt="word " * 40_000)
    expect(tab.page.locator("#txt2img_token_counter .counter")).to_have_text("too long")
    expect(tab.page.locator("#txt2img_negative_token_counter")).to_contain_text("2/")
    tab.fill(prompt="a cat")
    expect(tab.page.locator("#txt2img_token_counter")).to_contain_text("2/")


def test_reload_and_second_page_while_running(another: Another, tab: Tab) -> None:
    tab.fill(prompt="a cactus in a desert", neg_prompt="a car", steps=150, width=64, height=64, seed=77, batch_count=LONG)
    job = tab.generate()
    tab.until(at.STEPPING)
    tab.reload()
    second = another()
    for one in (tab, second):
        one.until("() => document.querySelector('.easel-progress').classList.contains('on')")
    tab.until("() => document.querySelector('#txt2img_prompt textarea').value === 'a cactus in a desert'")
    tab.until_values(neg_prompt="a car", steps=150, seed=77)  # a reload loses nothing
    assert second.value("prompt") == ""
    for one in (tab, second):
        one.until(f"() => window.easel.shown && window.easel.shown.job === '{job}'")
    second.page.keyboard.press("Escape")
    for one in (tab, second):
        one.until_state(job, "cancelled")
        one.until("() => window.easel.shown.seed === '77' && window.easel.shown.state === 'cancelled'")
        assert "a cactus in a desert" in one.page.locator("#html_info_txt2img").inner_text()


def test_generate_while_busy_queues(tab: Tab) -> None:
    tab.fill(prompt="the first", steps=150, batch_count=LONG)
    tab.generate()
    tab.until(at.STEPPING)
    for number in range(3):
        tab.fill(prompt=f"waits {number}", steps=2, batch_count=1)
        if number == 1:
            tab.page.click("#txt2img_generate")
        else:
            tab.generate()
        tab.page.wait_for_function("(count) => window.easel.jobs().filter((job) => job.state === 'queued').length === count", arg=number + 1)
    assert tab.page.locator("#tab_queue-button").get_attribute("data-count") == "4"
    tab.page.click("#txt2img_gallery .waiting")
    waiting = tab.page.locator("#easel_queue ul.waiting li")
    expect(waiting).to_have_count(3)
    expect(waiting.locator(".prompt")).to_have_text(["waits 0", "waits 1", "waits 2"])
    waiting.nth(2).get_by_role("button", name="Move up").click()
    tab.until("() => window.easel.jobs().filter((job) => job.state === 'queued').map((job) => job.prompt).join() === 'waits 0,waits 2,waits 1'")
    waiting.nth(0).get_by_role("button", name="Cancel").click()
    expect(waiting).to_have_count(2)
    tab.page.locator("#easel_queue ul.active li").get_by_role("button", name="Interrupt").click()
    tab.until("() => window.easel.jobs().every((job) => !['running', 'queued'].includes(job.state))")
    states = {job["prompt"]: job["state"] for job in tab.jobs()}
    assert (states["the first"], states["waits 0"], states["waits 1"], states["waits 2"]) == ("cancelled", "cancelled", "done", "done")
    tab.page.locator("#easel_queue ul.over li", has_text="waits 2").get_by_role("button", name="Show in txt2img").click()
    tab.until("() => (document.querySelector('#html_info_txt2img').textContent || '').startsWith('waits 2')")


def test_png_info_round_trip(another: Another, tab: Tab, tmp_path: Path) -> None:
    tab.fill(prompt="a (panda:1.2) on a [red:blue:0.5] background", neg_prompt="a car", steps=9, seed=1234, width=136, height=128, cfg_scale=6.5)
    tab.page.locator("#txt2img_sampling input").click()
    tab.page.get_by_role("option", name="Euler a", exact=True).click()
    tab.page.check("#txt2img_subseed_show input")
    tab.fill(subseed=5, subseed_strength=0.25)
    tab.until_shown(tab.generate())
    with tab.page.expect_download() as download:
        tab.page.click("#download_txt2img")
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.read_bytes() == tab.picture() and file.suffix == ".png"

    other = another()
    other.page.click("#tab_pnginfo-button")
    other.page.set_input_files("#pnginfo_file input[type=file]", file)
    expect(other.page.locator("#pnginfo_html_info h3").first).to_have_text("Made with Easel")
    assert other.page.locator("#pnginfo_html_info tr.not-restored").count() == 0
    assert "Variation seed: 5" in other.page.locator("#pnginfo_text textarea").input_value()
    other.page.click("#txt2img_tab")
    other.page.wait_for_selector("#txt2img_prompt textarea", state="visible")
    other.until("() => document.querySelector('#txt2img_seed input').value === '1234'")
    names = ("prompt", "neg_prompt", "steps", "seed", "width", "height", "cfg_scale", "sampling", "scheduler", "subseed", "subseed_strength")
    other.until_values(**{name: tab.value(name) for name in names})
    other.until_shown(other.generate())
    assert pixels(other.picture()) == pixels(file.read_bytes())


def test_sending_a_picture_to_png_info(tab: Tab) -> None:
    tab.fill(prompt=PROMPT, steps=2, seed=8)
    tab.until_shown(tab.generate())
    tab.page.click("#txt2img_send_pnginfo")
    expect(tab.page.locator("#pnginfo_html_info h3").first).to_have_text("Made with Easel")
    expect(tab.page.locator("#pnginfo_zone img")).to_be_visible()


def test_reading_a_picture_and_a_text_in_the_prompt_box(tab: Tab) -> None:
    tab.fill(prompt="dropped", steps=2, seed=4321)
    tab.until_shown(tab.generate())
    carrier = tab.page.evaluate_handle(
        "async () => { const data = new DataTransfer(); data.items.add(new File([await (await fetch(window.easel.shown.url)).blob()], 'x.png', { type: 'image/png' })); return data; }"
    )
    tab.page.click("#txt2img_clear_prompt")
    tab.until_values(prompt="")
    tab.fill(seed=-1)
    broken = tab.page.evaluate_handle(
        "() => { const data = new DataTransfer(); data.items.add(new File(['no picture'], 'y.png', { type: 'image/png' })); return data; }"
    )
    tab.page.dispatch_event("#txt2img_prompt textarea", "drop", {"dataTransfer": broken})
    tab.until_said("did not work")
    tab.page.dispatch_event("#txt2img_prompt textarea", "drop", {"dataTransfer": carrier})
    tab.until_values(seed=4321, prompt="dropped")

    tab.fill(prompt="a cat\nNegative prompt: a dog\nSteps: 17, Sampler: Heun, CFG scale: 4.5, Seed: 99, Size: 256x320, Model: elsewhere")
    tab.page.click("#paste")
    tab.until_said("elsewhere")
    tab.until_values(seed=99, prompt="a cat", neg_prompt="a dog", steps=17, sampling="Heun", cfg_scale=4.5, width=256, height=320)
    tab.page.click("#txt2img_res_switch_btn")
    tab.until_values(width=320, height=256)


def test_what_is_wrong_is_said_and_nothing_is_lost(tab: Tab) -> None:
    tab.fill(prompt="kept", seed="twelve", steps=3)
    tab.page.locator("#txt2img_prompt textarea").press("Control+Enter")
    tab.until_said("Seed")
    assert tab.value("prompt") == "kept" and tab.value("seed") == "twelve"
    tab.page.click("#tab_pnginfo-button")
    tab.page.set_input_files("#pnginfo_file input[type=file]", {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(tab.page.locator("#pnginfo_html_info [role=alert]")).to_be_visible()
    tab.page.click("#tab_txt2img-button")
    tab.fill(seed=3)
    tab.until_shown(tab.generate())


def test_pictures_that_are_not_saved(tab: Tab, data: Path) -> None:
    def save(on: bool) -> None:
        tab.page.click("#tab_settings-button")
        tab.page.locator("#setting_samples_save input").set_checked(on)
        tab.page.click("#settings_submit")
        tab.until_said("Settings saved")
        tab.page.click("#tab_txt2img-button")

    save(False)
    before = set(data.rglob("*.png"))
    tab.fill(prompt="not kept", steps=2, seed=555)
    tab.until_shown(tab.generate())
    assert tab.picture().startswith(b"\x89PNG")
    assert set(data.rglob("*.png")) == before
    save(True)


def test_dark_and_light(another: Another, tab: Tab) -> None:
    dark = "() => document.body.classList.contains('dark')"
    tab.page.click("#easel_theme")
    chosen = tab.page.evaluate(dark)
    tab.reload()
    assert tab.page.evaluate(dark) is chosen
    for query, scheme, wanted in (("?__theme=dark", "light", True), ("?__theme=light", "dark", False), ("", "dark", True), ("", "light", False)):
        other = another(query, color_scheme=scheme)
        assert other.page.evaluate(dark) is wanted, (query, scheme)
        brightest = "Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"
        other.until(f"() => ({brightest} < 80) === {str(wanted).lower()}")
        other.finish()


@pytest.mark.parametrize("width", [390, 768, 1400])
def test_nothing_sticks_out(another: Another, width: int) -> None:
    tab = another(viewport={"width": width, "height": 844})
    for name in ("txt2img", "pnginfo", "queue", "settings"):
        tab.page.click(f"#tab_{name}-button")
        tab.page.wait_for_selector(f"#tab_{name}", state="visible")
        tab.until_fits()
    tab.page.click("#tab_txt2img-button")
    expect(tab.page.locator("#txt2img_generate")).to_be_visible()
    tops = "(names) => names.map((name) => document.querySelector(`#txt2img_${name}`).getBoundingClientRect().top)"
    tab.settle()
    found = tab.page.evaluate(tops, ["generate", "gallery", "sampling"])
    if width == 390:
        assert found == sorted(found), "on a phone the picture comes before the settings"


def test_nothing_jumps(tab: Tab) -> None:
    places = "() => ['#txt2img_generate_box', '#txt2img_tools', '#txt2img_columns', '.easel-stage', '#image_buttons_txt2img', '#html_info_txt2img'].map((s) => Math.round(document.querySelector(s).getBoundingClientRect().top + scrollY))"
    tab.fill(prompt=PROMPT, steps=150, seed=2, batch_count=LONG)
    tab.settle()
    before = tab.page.evaluate(places)
    tab.generate()
    tab.until(at.STEPPING)
    assert tab.page.evaluate(places) == before
    tab.page.keyboard.press("Escape")
    tab.until(at.IDLE)
    tab.fill(steps=20, batch_count=3)
    tab.until_shown(tab.generate())
    assert tab.page.evaluate(places) == before


def test_what_is_heard_later_moves_nothing(another: Another) -> None:
    """The first answer about what goes on may be late; among other things it brings notices: an extension of this server has failed."""
    for width in (1400, 390):
        tab = another(held="**/easel/live*", viewport={"width": width, "height": 900})
        page = tab.page
        page.wait_for_selector("#txt2img_gallery .easel-stage")
        tab.settle()
        places = "() => ['#setting_sd_model_checkpoint', '#easel_theme', '#tabs', '#txt2img_generate_box', '#txt2img_columns', '.easel-stage', '#html_info_txt2img'].map((s) => { const { x, y } = document.querySelector(s).getBoundingClientRect(); return [Math.round(x), Math.round(y)]; })"
        before = page.evaluate(places)
        tab.release()
        page.wait_for_selector("#easel_notices", state="visible")
        assert page.evaluate(places) == before
        expect(page.locator("#easel_notices")).to_have_text(re.compile(r"1$"))
        page.locator("#easel_notices").press("Enter")
        expect(page.locator("#easel_reports")).to_be_visible()
        expect(page.locator("#easel_reports li")).to_contain_text("The extension broken is switched off")
        page.keyboard.press("Escape")
        expect(page.locator("#easel_reports")).to_be_hidden()


def test_tabs_ask_for_nothing(tab: Tab) -> None:
    for name in ("pnginfo", "queue", "settings", "txt2img"):
        tab.page.click(f"#tab_{name}-button")
        tab.page.wait_for_selector(f"#tab_{name}", state="visible")
    tab.settle()
    for name in ("pnginfo", "queue", "settings", "txt2img"):
        tab.page.click(f"#tab_{name}-button")
        tab.page.wait_for_selector(f"#tab_{name}", state="visible")
    assert [url for url in tab.asked if answered(url) and "/thumbs/" not in url] == []


def test_an_idle_page_moves_nothing(tab: Tab) -> None:
    tab.settle()
    tab.until("() => document.getAnimations().filter((one) => one.playState === 'running').length === 0")


def test_every_control_has_a_name(tab: Tab) -> None:
    tab.page.check("#txt2img_subseed_show input")
    for name in ("reading", "solver", "spacing", "guidance", "computing"):
        tab.page.click(f"#txt2img_{name} > button")
    nameless = """() => [...document.querySelectorAll('#tab_txt2img :is(button, input, textarea, select, a[href]), #quicksettings :is(button, input)')]
        .filter((one) => one.offsetParent !== null)
        .filter((one) => !(one.getAttribute('aria-label') || one.title || one.textContent.trim() || [...(one.labels || [])].some((label) => label.textContent.trim())))
        .map((one) => one.outerHTML.slice(0, 200))"""
    assert tab.page.evaluate(nameless) == []


WEIGHED = [
    # text with | where the selection begins and ends (one | for a caret), direction -> the same afterwards
    ("a c|at", 1, "a (|cat|:1.1)"),
    ("a (|cat|:1.1)", 1, "a (|cat|:1.2)"),
    ("a (c|at:1.1)", -1, "a |cat|"),
    ("a |cat|", -1, "a (|cat|:0.9)"),
    ("a |big cat| here", 1, "a (|big cat|:1.1) here"),
    ("a |big cat |here", 1, "a (|big cat|:1.1) here"),
    ("a |(cat)|", 1, "a (|cat|:1.2)"),
    ("a |(cat:1.4)|", -1, "a (|cat|:1.3)"),
    ("(big c|at, dog:1.2)", 1, "(|big cat, dog|:1.3)"),
    ("a \\(c|at\\)", 1, "a \\((|cat|:1.1)\\)"),
    ("<lora:de|tail:0.8>", 1, "<lora:de|tail:0.85>"),
    ("<lora:de|tail>", -1, "<lora:de|tail:0.95>"),
    ("one, t|wo, three", 1, "one, (|two|:1.1), three"),
    ("a  |", 1, "a  |"),
    ("|", 1, "|"),
]


def test_weights_of_words(tab: Tab) -> None:
    for text, direction, wanted in WEIGHED:
        start = text.index("|")
        plain = text.replace("|", "")
        end = text.rindex("|") - (1 if text.count("|") == 2 else 0)
        got = tab.page.evaluate("([text, start, end, by]) => window.easel.weighed(text, start, end, by)", [plain, start, end, direction])
        if got is None:
            assert wanted == text
            continue
        marked = (
            got["text"][: got["start"]] + "|" + got["text"][got["start"] : got["end"]] + ("|" if got["end"] > got["start"] else "") + got["text"][got["end"] :]
        )
        assert marked == wanted, text


def test_weights_by_key_can_be_undone(tab: Tab) -> None:
    tab.page.click("#txt2img_prompt textarea")
    tab.page.keyboard.type("a red apple")
    tab.page.keyboard.press("Control+ArrowUp")
    tab.page.keyboard.press("Control+ArrowUp")
    assert tab.value("prompt") == "a red (apple:1.2)"
    tab.page.keyboard.press("Control+ArrowDown")
    tab.page.keyboard.press("Control+ArrowDown")
    assert tab.value("prompt") == "a red apple"
    tab.page.keyboard.press("Control+z")
    assert tab.value("prompt") == "a red (apple:1.1)"


def test_tokens_and_weights(tab: Tab) -> None:
    """Tokens and weights at once, also while pictures are made; their effects when the model is free."""
    tab.fill(prompt="a (rocket:1.5) [night] AND a house :0.5", steps=150, batch_count=LONG)
    tab.generate()
    tab.until(at.STEPPING)
    tab.page.get_by_role("button", name="Tokens and weights").first.press("Enter")
    dialog = tab.page.locator("#easel_weights")
    rows = dialog.locator("section").first.locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.nth(1)).to_contain_text("rocket")
    expect(dialog.locator(".state")).to_contain_text("busy")
    assert rows.nth(1).locator("td").first.inner_text() == "1.5" and "…" in rows.nth(1).inner_text()
    tab.page.evaluate(
        "async () => { for (const job of window.easel.jobs()) if (job.state === 'running') await window.easel.ask(`jobs/${job.id}/interrupt`, { how: 'stop' }); }"
    )
    expect(dialog.locator(".state")).to_contain_text("Measured")
    assert all("%" in cell for cell in rows.nth(1).locator("td[data-rule]").all_inner_texts())
    tab.page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    tab.page.set_viewport_size({"width": 390, "height": 800})
    tab.page.locator("#txt2img_negative_token_counter .weights").click()
    expect(dialog.locator(".state")).to_contain_text("Measured")
    assert dialog.evaluate(
        "(dialog) => dialog.scrollWidth <= dialog.clientWidth && dialog.querySelector('.body').scrollWidth <= dialog.querySelector('.body').clientWidth"
    )
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).not_to_be_visible()


def test_gallery_by_keys(tab: Tab) -> None:
    tab.fill(prompt=PROMPT, steps=2, batch_count=3, seed=60)
    tab.until_shown(tab.generate())
    expect(tab.page.locator(".easel-strip button")).to_have_count(3)
    tab.page.locator(".easel-strip button").nth(0).click()
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.evaluate("window.easel.shown.seed") == "61"
    tab.page.click("#txt2img_gallery img.shown")
    dialog = tab.page.locator("#lightboxModal")
    expect(dialog).to_be_visible()
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.evaluate("window.easel.shown.seed") == "62"
    tab.page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    tab.page.keyboard.press("ArrowLeft")
    tab.page.click("#txt2img_reuse_seed")
    assert tab.value("seed") in ("61", "62")


def test_behind_a_login_and_under_a_subpath(browser: Browser, tmp_path: Path) -> None:
    with at.serving(tmp_path, "--subpath", "/art", "--gradio-auth", "ann:secret", "--theme", "dark") as address:
        page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
        page.set_default_timeout(at.PATIENCE * 1000)
        page.goto(f"{address}/art/")
        page.get_by_label("username").fill("ann")
        page.get_by_label("password").fill("secret")
        page.get_by_role("button", name="Login").click()
        at.brought(page)
        page.wait_for_function("() => document.body.classList.contains('dark')")
        page.fill("#txt2img_steps input[type=number]", "2")
        page.fill("#txt2img_prompt textarea", PROMPT)
        page.keyboard.press("Control+Enter")
        page.wait_for_function(at.SHOWN)
        assert page.evaluate("window.easel.shown.url").startswith("/art/easel/jobs/")
        page.click("#txt2img_send_pnginfo")
        expect(page.locator("#pnginfo_html_info h3").first).to_have_text("Made with Easel")
        page.context.close()
