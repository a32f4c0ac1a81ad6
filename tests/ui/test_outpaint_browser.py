"""Outpainting in a real browser: a frame by mouse, keys and touch, each side by one click, the size told beforehand, and the old picture untouched."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import expect

from tests.imaging import painting
from tests.ui.tab import Another, Tab
from tests.ui.test_canvas_browser import give

pytestmark = pytest.mark.browser

WARMING = """() => {
    const asked = window.fetch;
    window.fetch = async (...given) => {
        const answer = await asked(...given);
        return String(given[0]).includes('/easel/live') ? Response.json({ ...await answer.json(), warmth: 'Loading torch and diffusers' }) : answer;
    };
}"""
"""From now on the page hears that the model is still being loaded."""


@pytest.fixture
def tab(tab: Tab) -> Tab:
    tab.prefix = "img2img"
    return tab


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def grown(tab: Tab) -> list[int]:
    return [int(float(tab.value(f"outpaint_{side}"))) for side in ("left", "right", "up", "down")]


def drag(tab: Tab, side: str, by: float) -> None:
    """Moves a side of the frame outwards by some pixels of the picture, with the mouse."""
    x, y = tab.rest(tab.page.locator(f".easel-frame-handle[aria-label^={side}]")).middle
    scale = tab.page.evaluate("window.easel.studio.canvas().view().scale")
    way = {"Left": (-1, 0), "Right": (1, 0), "Upper": (0, -1), "Lower": (0, 1)}[side]
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    tab.page.mouse.move(x + way[0] * by * scale, y + way[1] * by * scale, steps=4)
    tab.page.mouse.up()


def frame(tab: Tab) -> tuple[int, int, int, int]:
    """How far the frame that is seen lies beyond the picture that is seen, in its pixels: left, right, up, down."""
    script = """() => { const canvas = window.easel.studio.canvas(); const { scale } = canvas.view();
        const [inner, outer] = ['.paper', '.easel-frame'].map((one) => canvas.stage.querySelector(one).getBoundingClientRect());
        return [inner.left - outer.left, outer.right - inner.right, inner.top - outer.top, outer.bottom - inner.bottom].map((length) => Math.round(length / scale)); }"""
    left, right, up, down = tab.page.evaluate(script)
    return left, right, up, down


def test_the_frame_by_mouse_and_keys(tab: Tab) -> None:
    give(tab, "outpaint", png(painting.ramp(300, 200)))
    tab.page.click(".easel-grow button[data-side=none]")
    drag(tab, "Right", 50)
    assert grown(tab) == [0, 20, 0, 0], "to 320, a multiple of 64"
    drag(tab, "Left", 100)
    drag(tab, "Upper", 40)
    drag(tab, "Lower", 70)
    assert grown(tab) == [128, 20, 56, 64] and frame(tab) == (128, 20, 56, 64), "448 x 320, and what is seen is what the sliders say"
    expect(tab.page.locator(".easel-grown")).to_have_text("300 × 200 → 448 × 320")
    drag(tab, "Left", -400)
    assert grown(tab)[0] == 0, "a side never cuts into the picture"
    tab.page.keyboard.down("Shift")
    drag(tab, "Right", 10)
    tab.page.keyboard.up("Shift")
    assert grown(tab)[1] == 32, "finely: a multiple of 8"
    tab.fill(outpaint_down=8)
    tab.box("outpaint_down").press("Tab")
    tab.until("() => document.querySelector(\".easel-frame-handle[aria-label^='Lower']\").getAttribute('aria-valuenow') === '8'")
    tab.calm()
    assert frame(tab) == (0, 32, 56, 8), "the frame follows the sliders"

    tab.page.click(".easel-grow button[data-side=none]")
    handle = tab.page.locator(".easel-frame-handle[aria-label^=Right]")
    handle.focus()
    tab.page.keyboard.press("ArrowRight")
    assert grown(tab) == [0, 84, 0, 0] and frame(tab)[1] == 84
    tab.page.keyboard.press("Shift+ArrowLeft")
    assert grown(tab)[1] == 80
    tab.page.keyboard.press("ArrowUp")
    assert grown(tab)[1] == 148
    expect(handle).to_have_attribute("aria-valuetext", "148 pixels")
    tab.page.keyboard.press("Home")
    assert grown(tab) == [0, 0, 0, 0]


def test_the_frame_by_touch(another: Another) -> None:
    """Also while the page says at its lower rim, where the finger is, that the model is being loaded."""
    tab = another(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tab.prefix = "img2img"
    give(tab, "outpaint", png(painting.ramp(256, 256)))
    tab.page.evaluate(WARMING)
    tab.until("() => document.querySelector('#easel_status').textContent.includes('torch')")
    tab.settle()
    handle = tab.page.locator(".easel-frame-handle[aria-label^=Lower]")
    handle.evaluate("(one) => one.scrollIntoView({ block: 'end', behavior: 'instant' })")
    box = tab.rest(handle)
    assert box.height >= 44, "wide enough for a finger"
    x, y = box.middle
    scale = tab.page.evaluate("window.easel.studio.canvas().view().scale")
    before = tab.page.evaluate("scrollY")
    tab.fingers("touchStart", (x, y))
    for part in range(1, 5):
        tab.fingers("touchMove", (x, y + 70 * scale * part / 4))
    tab.fingers("touchEnd")
    tab.until("() => document.querySelector('#img2img_outpaint_down input[type=number]').value === '64'")
    assert tab.page.evaluate("scrollY") == before, "the page does not move with the finger"
    tab.until_fits()


def test_continuing_from_a_result(tab: Tab) -> None:
    tab.page.click("#tab_inpaint-button")
    give(tab, "outpaint", png(painting.ramp(64, 64)))
    expect(tab.page.locator("#img2img_denoising_strength")).to_be_hidden()
    tab.page.click(".easel-grow button[data-side=none]")
    tab.page.click(".easel-grow button[data-side=right]")
    tab.fill(prompt="a house in a meadow", steps=1, seed=5)
    for width in (128, 192):
        tab.until_shown(tab.generate())
        assert Image.open(io.BytesIO(tab.picture())).size == (width, 64)
        tab.page.click("#img2img_continue")
        tab.until(f"() => window.easel.studio.canvas().picture.width === {width}")
        assert grown(tab) == [0, 64, 0, 0], "the form stays as it is, so the next click grows on"
        expect(tab.page.locator(".easel-grown")).to_have_text(f"{width} × 64 → {width + 64} × 64")
    tab.page.click("#tab_img2img-button")
    expect(tab.page.locator("#img2img_denoising_strength")).to_be_visible()


def test_each_side_by_one_click(tab: Tab) -> None:
    image = painting.ramp(96, 64)
    give(tab, "outpaint", png(image))
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
