"""Every tab by keyboard alone, at a phone's width, and as a screen reader meets it: what can be reached, whether the focus is seen, what is called how, and
that nothing sticks out."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import expect

from modules.infotext import files
from modules.infotext.read import read
from tests.ui import page as at
from tests.ui.tab import SUBMITTED, Another, Tab

pytestmark = pytest.mark.browser

PLACES = (
    ("txt2img", ""),
    ("img2img", "img2img"),
    ("img2img", "sketch"),
    ("img2img", "batch"),
    ("inpaint", "inpaint"),
    ("inpaint", "inpaint_sketch"),
    ("inpaint", "inpaint_upload"),
    ("inpaint", "outpaint"),
    ("extras", "batch"),
    ("extras", "folder"),
    ("extras", "single"),
    ("pnginfo", ""),
    ("models", ""),
    ("train", ""),
    ("queue", ""),
    ("settings", ""),
    ("extensions", ""),
)
"""(tab, mode in it)"""

WALKED = [PLACES[0], PLACES[2], PLACES[4], PLACES[7], *PLACES[10:]]
"""Where one goes from control to control: what the others have, one of these has."""

ROLES = {
    "button",
    "textbox",
    "combobox",
    "checkbox",
    "radio",
    "slider",
    "spinbutton",
    "link",
    "tab",
    "switch",
    "searchbox",
    "listbox",
    "ColorWell",
    "image",
    "dialog",
}

OPEN = """() => document.querySelectorAll('.easel-accordion > button').forEach((button) => {
    if (button.checkVisibility() && button.getAttribute('aria-expanded') !== 'true') button.click();
})"""
STICKING = """() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (one) => one && (/auto|scroll/.test(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth || scrolls(one.parentElement));
    const out = (one) => { const box = one.getBoundingClientRect(); return box.width && (box.left < -1 || box.right > width + 1) && !scrolls(one.parentElement); };
    return [...document.querySelectorAll('button, input, textarea, select, a[href], label, p, h3, img')].filter((one) => one.checkVisibility({ visibilityProperty: true }) && out(one)).map((one) => one.outerHTML.slice(0, 160));
}"""
WATCH = """() => {
    document.head.append(Object.assign(document.createElement('style'), { textContent: '* { transition: none !important; animation: none !important; }' }));
    const look = (one) => {
        const seen = [];
        for (let at = one, depth = 0; at && depth < 4; at = at.parentElement, depth += 1) {
            for (const part of ['', '::after']) {
                const { outline, boxShadow, borderColor, backgroundColor, color, opacity } = getComputedStyle(at, part);
                seen.push([outline, boxShadow, borderColor, backgroundColor, color, opacity].join());
            }
        }
        return seen.join('|');
    };
    window.walked = new Map();
    window.addEventListener('keydown', () => { const one = document.activeElement; if (one !== document.body) window.walked.set(one, look(one)); }, true);
    window.unseen = () => { document.activeElement.blur(); return [...window.walked].filter(([one, seen]) => one.checkVisibility() && look(one) === seen).map(([one]) => one.outerHTML.slice(0, 160)); };
    window.missed = (place) => [...document.querySelectorAll(place)].flatMap((part) => [...part.querySelectorAll('button, input, textarea, select, a[href], [tabindex="0"]')])
        .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.getClientRects().length && !one.disabled && !one.closest('[inert]') && !(one.tabIndex < 0 && one.closest('[role=grid], [role=listbox], [role=tablist], #easel_models .grid')))
        .filter((one) => !(one.type === 'radio' && !one.checked))
        .filter((one) => !window.walked.has(one)).map((one) => one.outerHTML.slice(0, 160));
}"""


def photo() -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize((128, 128)).convert("RGB").save(out, "PNG")
    return out.getvalue()


def gone_to(tab: Tab, places: Sequence[tuple[str, str]], press: Any) -> Iterator[tuple[str, str]]:
    """Each place, once it is shown with a picture to work on and accordions open. press: presses a button, as the test wants it."""
    file = {"name": "photo.png", "mimeType": "image/png", "buffer": photo()}
    for name, mode in places:
        press(f"#tab_{name}-button")
        expect(tab.page.locator(f"#tab_{name}-button")).to_have_attribute("aria-selected", "true")
        if mode:
            prefix = "extras" if name == "extras" else "img2img"
            press(f"#{prefix}_mode_{mode}")
            if prefix == "img2img" and mode != "batch":
                tab.page.set_input_files(".easel-mode.on input[type=file] >> nth=0", file)
                tab.page.wait_for_function("(mode) => Boolean(window.easel.studio.canvases[mode].picture)", arg=mode)
        tab.page.wait_for_function(
            f"() => [...document.querySelectorAll('#tab_{name}, #img2img_panel')].some((one) => one.checkVisibility() && one.childElementCount)"
        )
        tab.page.evaluate(OPEN)
        tab.page.wait_for_function(
            "() => [...document.querySelectorAll('.easel-accordion > button')].every((one) => !one.checkVisibility() || one.getAttribute('aria-expanded') === 'true')"
        )
        tab.calm()
        yield name, mode


def nameless(tab: Tab) -> list[str]:
    """Controls and pictures to which the browser gives no name for a screen reader."""
    session = tab.page.context.new_cdp_session(tab.page)
    found = []
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        if not node.get("ignored") and node["role"]["value"] in ROLES and not str(node.get("name", {}).get("value", "")).strip():
            found.append(f"{node['role']['value']}: {session.send('DOM.getOuterHTML', {'backendNodeId': node['backendDOMNodeId']})['outerHTML'][:160]}")
    session.detach()
    return found


def named(tab: Tab) -> list[str]:
    """The nameless once the browser's tree has followed the page: it does so a moment later."""
    end = time.monotonic() + at.PATIENCE
    while (found := nameless(tab)) and time.monotonic() < end:
        tab.page.wait_for_timeout(200)
    return found


def test_everything_has_a_name_and_fits_a_phone(another: Another) -> None:
    tab = another(viewport={"width": 390, "height": 844})
    tab.page.check("#txt2img_subseed_show input")
    wrong = {}
    for place in gone_to(tab, PLACES, tab.page.click):
        tab.until_fits()
        found = [*(named(tab) if place in WALKED else ()), *(f"sticks out: {one}" for one in tab.page.evaluate(STICKING))]
        if found:
            wrong[place] = found
    assert wrong == {}


def test_every_control_is_reached_by_tab_and_the_focus_is_seen(tab: Tab) -> None:
    tab.page.evaluate(WATCH)
    wrong = {}

    def press(button: str) -> None:
        tab.page.locator(button).focus()
        tab.page.keyboard.press("Enter")

    for name, mode in gone_to(tab, WALKED, press):
        tab.page.evaluate("() => window.walked.clear()")
        tab.page.locator(f"#tab_{name}-button").focus()
        place = "#img2img_panel" if name in ("img2img", "inpaint") else f"#tab_{name}"
        for _ in range(15):
            for _ in range(15):
                tab.page.keyboard.press("Tab")
            if tab.page.evaluate("() => document.activeElement === document.body || document.activeElement.closest('#quicksettings') !== null"):
                break
        found = [*(f"not reached: {one}" for one in tab.page.evaluate("(place) => window.missed(place)", place))]
        found += [f"focus not seen: {one}" for one in tab.page.evaluate("() => window.unseen()")]
        if found:
            wrong[name, mode] = found
    assert wrong == {}


def test_the_whole_flow_on_a_phone_with_keys_alone(another: Another) -> None:
    tab = another(viewport={"width": 390, "height": 844})
    page = tab.page

    def press(button: str) -> None:
        page.locator(button).focus()
        page.keyboard.press("Enter")

    def made(box: str) -> bytes:
        """Ctrl+Enter in a box. -> the picture"""
        before = len(page.evaluate(SUBMITTED))
        page.locator(box).focus()
        page.keyboard.press("Control+Enter")
        page.wait_for_function(f"(before) => ({SUBMITTED})().length > before", arg=before)
        tab.until_shown(page.evaluate(SUBMITTED)[-1])
        return tab.picture()

    page.locator("#txt2img_prompt textarea").focus()
    page.keyboard.type("a rocket")
    page.locator("#txt2img_steps input[type=number]").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    first = made("#txt2img_prompt textarea")

    press("#txt2img_send_to_inpaint")
    tab.prefix = "img2img"
    page.wait_for_function("() => Boolean(window.easel.studio.canvases.inpaint.picture && window.easel.studio.canvases.inpaint.picture.reference)")
    tab.until("() => document.querySelector('#img2img_prompt textarea').value === 'a rocket'")
    page.locator(".easel-mode.on .view").focus()
    page.keyboard.press("Space")
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert page.evaluate("window.easel.studio.canvas().drawn()")
    painted = made("#img2img_prompt textarea")
    assert painted != first and read(files.read(painted)).request.mask.image

    press("#img2img_send_to_extras")
    page.wait_for_function("() => window.easel.extras.canvas && window.easel.extras.canvas.picture")
    tab.prefix = "extras"
    large = made("#extras_upscaling_resize input[type=number]")
    assert Image.open(io.BytesIO(large)).width == 4 * Image.open(io.BytesIO(painted)).width

    press("#extras_send_pnginfo")
    expect(page.locator("#pnginfo_html_info h3").first).to_contain_text("Made")
    press("#tab_txt2img-button")
    press("#txt2img_clear_prompt")
    press("#tab_pnginfo-button")
    press("#txt2img_tab")
    expect(page.locator("#txt2img_prompt textarea")).to_have_value("a rocket")
    tab.until_fits()
