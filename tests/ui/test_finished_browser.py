"""✨ and the copies of a finished picture, by hand in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")


from modules.infotext import files
from tests.ui.tab import Tab, pixels

pytestmark = pytest.mark.browser

NEWER = "(id) => window.easel.shown && window.easel.shown.job !== id && window.easel.shown.state === 'done'"


ONE_ROW = (
    "() => new Set([...document.querySelectorAll('#image_buttons_txt2img > *')].filter((one) => one.checkVisibility()).map((one) => one.offsetTop)).size === 1"
)


def upscaled(tab: Tab) -> str:
    """-> the text of the picture that ✨ made."""
    before = tab.page.evaluate("() => window.easel.shown.job")
    tab.page.click("#txt2img_upscale")
    tab.page.wait_for_function(NEWER, arg=before)
    return str(tab.page.evaluate("() => window.easel.shown.infotext"))


def test_a_finished_picture_is_drawn_larger_and_copied_clean(tab: Tab) -> None:
    tab.fill(prompt="a rocket", steps=3, width=64, height=64)
    tab.until_shown(tab.generate())
    seed = tab.page.evaluate("() => window.easel.shown.seed")
    for width in (1280, 1400):
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.wait_for_function(ONE_ROW)
    with tab.page.expect_download() as copy:
        tab.page.click("#txt2img_save_clean")
    clean = Path(copy.value.path()).read_bytes()
    assert copy.value.suggested_filename.endswith(f"-{seed}-clean.png") and files.read(clean).chunks == {}
    assert pixels(clean) == pixels(tab.picture())
    tab.fill(prompt="another prompt, for later", seed=5)
    text = upscaled(tab)
    assert text.startswith("a rocket\n") and f"Seed: {seed}" in text and "Hires upscaler: Latent" in text
