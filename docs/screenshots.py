"""Takes the pictures of the page in this folder: a real server, the starter model, a real browser. Run it from the checkout: `.venv/bin/python docs/screenshots.py`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from tests.ui import page as at  # noqa: E402

PROMPT = "a rocket under a night sky"
SEED = 20


def draw(page: Page, prompt: str, seed: int, count: int = 1) -> None:
    page.fill("#txt2img_batch_count input[type=number]", str(count))
    page.fill("#txt2img_seed input", str(seed))
    page.fill("#txt2img_prompt textarea", prompt)
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "([seed, count]) => window.easel.shown && window.easel.shown.seed === String(seed) && document.querySelectorAll('.easel-strip button').length === count",
        arg=[seed, count],
    )
    page.wait_for_function(at.IDLE)
    page.wait_for_function(
        "() => !document.querySelector('.easel-stage.previewing') && [...document.querySelectorAll('.easel-strip:not([hidden]) img')].every((image) => image.complete)"
    )
    page.wait_for_function(at.SHOWN)


def settle(page: Page, name: str, whole: bool = False) -> None:
    """Without a caret, a hover or a message in the way."""
    page.evaluate("() => { document.activeElement.blur(); document.querySelector('#easel_messages')?.replaceChildren(); }")
    page.mouse.move(2, 2)
    page.wait_for_timeout(600)
    page.screenshot(path=DOCS / name, full_page=whole)


def main() -> None:
    with tempfile.TemporaryDirectory() as data, at.serving(Path(data)) as address, at.browsing() as browser:
        page = at.opened(browser, address, "?__theme=light", viewport={"width": 1400, "height": 1000})
        draw(page, PROMPT, SEED, 4)
        settle(page, "page-1400.png")
        page.click("#txt2img_send_pnginfo")
        page.wait_for_selector("#pnginfo_html_info table")
        page.wait_for_selector("#pnginfo_zone img")
        settle(page, "png-info.png")

        phone = at.opened(browser, address, "?__theme=dark", viewport={"width": 390, "height": 844}, device_scale_factor=2, has_touch=True)
        draw(phone, "a panda in the snow", SEED)
        phone.evaluate("() => scrollTo(0, 0)")
        settle(phone, "page-390.png", whole=True)


if __name__ == "__main__":
    main()
