"""Work on pictures as a person does it: drawing with the mouse, inpainting, sketching, pasting and dropping, in a real browser over the starter model."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import expect

from modules.infotext import files
from modules.infotext.read import read
from tests.ui import page as at
from tests.ui.tab import SUBMITTED, Another, Tab

pytestmark = pytest.mark.browser

FILLED = "(mode) => Boolean(window.easel.studio.canvases[mode].picture && window.easel.studio.canvases[mode].picture.reference)"


@pytest.fixture
def tab(tab: Tab) -> Tab:
    tab.prefix = "img2img"
    return tab


@pytest.fixture(scope="module")
def photo() -> bytes:
    """128 x 128: sky, meadow and a red disc, with a pattern so that every untouched pixel can be told."""
    image = Image.radial_gradient("L").resize((128, 128)).convert("RGB")
    image.paste("#c33", (48, 48, 80, 80))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def choose(tab: Tab, mode: str) -> None:
    """Goes to a mode as a hand does: its tab, then its button."""
    name = "img2img" if mode in ("img2img", "sketch", "batch") else "inpaint"
    tab.page.click(f"#tab_{name}-button")
    tab.page.click(f"#img2img_mode_{mode}")
    expect(tab.page.locator(f".easel-mode.on[data-mode={mode}]")).to_be_visible()


def give(tab: Tab, mode: str, data: bytes, name: str = "photo.png") -> None:
    choose(tab, mode)
    tab.page.set_input_files(".easel-mode.on input[type=file] >> nth=0", {"name": name, "mimeType": "image/png", "buffer": data})
    tab.page.wait_for_function(FILLED, arg=mode)


def draw(tab: Tab, *points: tuple[float, float]) -> None:
    """One stroke with the mouse through points of the picture, in its pixels."""
    tab.rest(tab.page.locator(".easel-mode.on .view").first)
    where = """([x, y]) => { const canvas = window.easel.studio.canvas(); const box = canvas.stage.getBoundingClientRect(); const view = canvas.view();
        return [box.left + canvas.stage.clientLeft + view.x + x * view.scale, box.top + canvas.stage.clientTop + view.y + y * view.scale]; }"""
    places = [tab.page.evaluate(where, list(point)) for point in points]
    tab.page.mouse.move(*places[0])
    tab.page.mouse.down()
    for place in places[1:]:
        tab.page.mouse.move(*place, steps=5)
    tab.page.mouse.up()


def sent(tab: Tab, id: str) -> dict[str, Any]:
    """The request of a job, by the parameters in its picture."""
    return tab.page.evaluate("async (id) => (await window.easel.ask(`jobs/${id}`)).pictures[0]", id)


def image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def inner(tab: Tab) -> tuple[int, int, int]:
    """The mean colour of the shown picture where the strokes of `test_inpainting_with_the_mouse` lie."""
    red, green, blue = ImageStat.Stat(image(tab.picture()).crop((50, 56, 78, 74))).mean
    return round(red), round(green), round(blue)


def test_inpainting_with_the_mouse(tab: Tab, photo: bytes) -> None:
    give(tab, "inpaint", photo)
    tab.page.locator(".easel-mode.on input.size").fill("20")
    draw(tab, (50, 60), (78, 60))
    draw(tab, (50, 70), (78, 70))
    tab.fill(prompt="a green cactus in a desert", steps=12, seed=5, mask_blur=2, denoising_strength=0.9)
    tab.until_shown(tab.generate())
    changed = ImageChops.difference(image(photo), image(tab.picture())).convert("L").point(lambda value: 255 if value else 0)
    left, top, right, bottom = changed.getbbox() or (0, 0, 0, 0)
    assert left >= 28 and top >= 38 and right <= 100 and bottom <= 92, "outside of the strokes and their blurred rim every pixel is as it was"
    inside = changed.crop((46, 56, 82, 74))
    assert sum(inside.histogram()[255:]) > 0.9 * inside.width * inside.height, "inside it was drawn anew"
    red, green, blue = inner(tab)
    assert green > red + 40 and green > blue + 25, "the red gave way to the cactus's green"
    tab.fill(prompt="a banana on a blue background")
    tab.until_shown(tab.generate())
    red, green, blue = inner(tab)
    assert min(red, green) > blue + 60, "and with another prompt to a banana's yellow"
    assert "Mask blur: 2" in tab.page.locator("#html_info_img2img").inner_text()


def test_nothing_masked_is_said(tab: Tab, photo: bytes) -> None:
    choose(tab, "inpaint")
    tab.page.click("#img2img_generate")
    tab.until_said("no picture to work on")
    give(tab, "inpaint", photo)
    draw(tab, (20, 20), (30, 30))
    tab.page.keyboard.press("Control+z")
    tab.page.click("#img2img_generate")
    tab.until_said("Nothing is masked")
    assert tab.page.evaluate("window.easel.jobs().length === 0 || window.easel.jobs().every((job) => job.state !== 'running')")


def test_undo_redo_eraser_clear_and_reload(tab: Tab, photo: bytes) -> None:
    give(tab, "inpaint", photo)
    drawn = "window.easel.studio.canvas().drawn()"
    draw(tab, (20, 20), (60, 60))
    draw(tab, (90, 20), (100, 90))
    assert tab.page.evaluate("window.easel.studio.canvas().ops.length") == 2
    tab.page.keyboard.press("Control+z")
    tab.page.keyboard.press("Control+z")
    assert tab.page.evaluate(drawn) is False
    tab.page.keyboard.press("Control+Shift+z")
    assert tab.page.evaluate(drawn) is True
    tab.page.click(".easel-mode.on [aria-label='Eraser (E)']")
    for _ in range(30):
        tab.page.keyboard.press("w")
    draw(tab, (10, 10), (70, 70))
    assert tab.page.evaluate(drawn) is False, "what is rubbed out is no mask"
    tab.page.keyboard.press("Control+z")
    tab.page.wait_for_function("() => JSON.parse(sessionStorage.getItem('easel-studio') || '{}').canvases?.inpaint?.ops.length === 1")
    tab.reload()
    tab.page.click("#tab_inpaint-button")
    tab.page.wait_for_function(FILLED, arg="inpaint")
    assert tab.page.evaluate(drawn) is True, "picture and strokes outlive a reload"
    tab.page.click(".easel-mode.on [aria-label='Clear the mask']")
    assert tab.page.evaluate(drawn) is False
    tab.page.click(".easel-mode.on [aria-label^='Undo']")
    assert tab.page.evaluate(drawn) is True


def test_zoom_and_pan_keep_strokes_where_they_belong(tab: Tab, photo: bytes) -> None:
    give(tab, "sketch", photo)
    x, y = tab.rest(tab.page.locator(".easel-mode.on .view")).middle
    tab.page.mouse.move(x, y)
    before = tab.page.evaluate("window.easel.studio.canvas().view().scale")
    tab.page.keyboard.down("Alt")
    for _ in range(5):
        tab.page.mouse.wheel(0, -100)
    tab.page.keyboard.up("Alt")
    tab.page.wait_for_function("(before) => window.easel.studio.canvas().view().scale > 1.8 * before", arg=before)
    tab.page.keyboard.down("f")
    tab.page.mouse.move(x + 40, y + 25)
    tab.page.keyboard.up("f")
    tab.page.locator(".easel-mode.on input.size").fill("6")
    tab.page.locator(".easel-mode.on input[type=color]").fill("#00ff00")
    draw(tab, (60, 64), (68, 64))
    pixel = tab.page.evaluate("() => [...window.easel.studio.canvas().host.querySelector('canvas').getContext('2d').getImageData(64, 64, 1, 1).data]")
    assert pixel == [0, 255, 0, 255]
    tab.page.keyboard.press("r")
    assert tab.page.evaluate("window.easel.studio.canvas().view().scale") == before


def test_a_sketch_is_what_the_picture_starts_from(tab: Tab, photo: bytes) -> None:
    give(tab, "sketch", photo)
    tab.page.locator(".easel-mode.on input[type=color]").fill("#0000ff")
    draw(tab, (20, 20), (40, 20))
    tab.fill(prompt="a blue bird", steps=4, seed=3, denoising_strength=0)
    tab.until_shown(tab.generate())
    blue = image(tab.picture()).getpixel((30, 20))
    assert isinstance(blue, tuple) and blue[2] > blue[0] + 60, "the stroke is part of the start picture"


def test_paste_drop_and_copy(tab: Tab, photo: bytes) -> None:
    choose(tab, "img2img")
    carrier = (
        """(bytes) => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(bytes)], 'x.png', { type: 'image/png' })); return data; }"""
    )
    pasted = """(bytes) => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(bytes)], 'x.png', { type: 'image/png' }));
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })); }"""
    tab.page.evaluate(pasted, list(photo))
    tab.page.wait_for_function(FILLED, arg="img2img")
    tab.page.click("#img2img_copy_to_inpaint_sketch")
    tab.page.wait_for_function(FILLED, arg="inpaint_sketch")
    expect(tab.page.locator("#tab_inpaint-button")).to_have_attribute("aria-selected", "true")
    tab.page.click("#img2img_copy_to_outpaint")
    tab.page.wait_for_function(FILLED, arg="outpaint")
    same = "() => new Set(Object.values(window.easel.studio.canvases).filter((one) => one.picture).map((one) => one.picture.reference)).size"
    assert tab.page.evaluate(same) == 1, "a copy is the same picture, not a new encoding of it"
    choose(tab, "sketch")
    data = tab.page.evaluate_handle(carrier, list(photo))
    tab.page.dispatch_event(".easel-mode.on .empty", "drop", {"dataTransfer": data})
    tab.page.wait_for_function(FILLED, arg="sketch")
    choose(tab, "inpaint")
    tab.forgiven.append("400 (Bad Request)")  # the browser's own line about an answer that is wanted
    data = tab.page.evaluate_handle(
        "() => { const data = new DataTransfer(); data.items.add(new File(['no picture'], 'y.png', { type: 'image/png' })); return data; }"
    )
    tab.page.dispatch_event(".easel-mode.on .empty", "drop", {"dataTransfer": data})
    tab.until_said("cannot be used")


def test_resize_by(tab: Tab, photo: bytes) -> None:
    give(tab, "img2img", photo)
    tab.page.locator("#img2img_resize_by").get_by_text("Resize by").click()
    tab.fill(scale=1.25, prompt="a cat", steps=2)
    tab.box("scale").press("Tab")
    expect(tab.page.locator(".easel-resized")).to_have_text("128 × 128 → 160 × 160")
    tab.until_shown(tab.generate())
    assert image(tab.picture()).size == (160, 160)


def test_uploaded_masks(tab: Tab, photo: bytes) -> None:
    give(tab, "inpaint_upload", photo)
    mask = Image.new("L", (128, 128))
    mask.paste(255, (64, 0, 128, 128))
    out = io.BytesIO()
    mask.save(out, "PNG")
    tab.page.set_input_files(".easel-mode.on input[type=file] >> nth=1", {"name": "mask.png", "mimeType": "image/png", "buffer": out.getvalue()})
    tab.page.wait_for_function(FILLED, arg="mask_upload")
    tab.fill(prompt="a night sky", steps=4, mask_blur=0, denoising_strength=1)
    tab.until_shown(tab.generate())
    changed = ImageChops.difference(image(photo), image(tab.picture())).getbbox()
    assert changed is not None and changed[0] >= 64


def test_by_keys_alone(tab: Tab, photo: bytes) -> None:
    give(tab, "inpaint", photo)
    tab.page.locator(".easel-mode.on .view").focus()
    tab.page.keyboard.press("Space")
    for _ in range(6):
        tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("Space")
    assert tab.page.evaluate("window.easel.studio.canvas().drawn()")
    tab.page.keyboard.press("s")
    expect(tab.page.locator(".easel-canvas.full")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator(".easel-canvas.full")).to_have_count(0)
    tab.page.locator("#img2img_prompt textarea").focus()
    tab.fill(prompt="a door", steps=2)
    tab.until_shown(tab.generate())


def test_a_picture_brings_its_inputs_back(tab: Tab, photo: bytes, tmp_path: Path) -> None:
    give(tab, "inpaint", photo)
    draw(tab, (30, 30), (70, 70))
    tab.fill(prompt="a door", steps=2, seed=11)
    tab.until_shown(tab.generate())
    made = tab.picture()
    tab.page.click(".easel-mode.on [aria-label='Remove the picture']")
    choose(tab, "img2img")
    file = tmp_path / "made.png"
    file.write_bytes(made)
    tab.page.set_input_files("#img2img_drop input[type=file]", file)
    tab.page.wait_for_function(FILLED, arg="inpaint")
    tab.until("() => document.querySelector('#img2img_seed input').value === '11'")
    expect(tab.page.locator(".easel-mode.on[data-mode=inpaint]")).to_be_visible()
    tab.until_shown(tab.generate())
    assert image(tab.picture()).tobytes() == image(made).tobytes(), "the same start, the same mask, the same picture"
    tab.page.click(".easel-mode.on [aria-label='Remove the picture']")
    tab.page.set_input_files("#img2img_drop input[type=file]", file)
    tab.page.wait_for_function(FILLED, arg="inpaint")


def test_every_control_has_a_name(tab: Tab, photo: bytes) -> None:
    nameless = """() => [...document.querySelectorAll('#img2img_panel :is(button, input, textarea, select, a[href], [tabindex="0"])')]
        .filter((one) => one.offsetParent !== null)
        .filter((one) => !(one.getAttribute('aria-label') || one.title || one.alt || one.textContent.trim() || [...(one.labels || [])].some((label) => label.textContent.trim())))
        .map((one) => one.outerHTML.slice(0, 200))"""
    for mode in ("sketch", "inpaint", "inpaint_upload"):
        give(tab, mode, photo)
        assert tab.page.evaluate(nameless) == [], mode
    accordion = tab.page.locator("#img2img_soft > button")
    expect(accordion).to_have_attribute("aria-expanded", "false")
    accordion.click()
    expect(accordion).to_have_attribute("aria-expanded", "true")


def test_two_fingers_zoom_and_one_draws(another: Another, photo: bytes) -> None:
    tab = another(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tab.prefix = "img2img"
    give(tab, "inpaint", photo)
    x, y = tab.rest(tab.page.locator(".easel-mode.on .view")).middle
    view = "window.easel.studio.canvas().view()"
    under = f"([x, y]) => {{ const box = window.easel.studio.canvas().stage.getBoundingClientRect(); const view = {view}; return [(x - box.left - view.x) / view.scale, (y - box.top - view.y) / view.scale]; }}"
    before, middle = tab.page.evaluate(view)["scale"], tab.page.evaluate(under, [x, y])
    tab.fingers("touchStart", (x - 40, y))
    tab.fingers("touchStart", (x - 40, y), (x + 40, y))
    for part in range(1, 6):
        tab.fingers("touchMove", (x - 40 - 12 * part, y), (x + 40 + 12 * part, y))
    tab.fingers("touchEnd")
    tab.until(f"() => Math.abs({view}.scale / {before} - 2.5) < 0.05")
    after = tab.page.evaluate(under, [x, y])
    assert max(abs(one - other) for one, other in zip(middle, after, strict=True)) < 1, "what lies between the fingers stays there"
    assert tab.page.evaluate("window.easel.studio.canvas().ops.length") == 0, "the first finger of two draws nothing"
    tab.fingers("touchStart", (x, y))
    tab.fingers("touchMove", (x + 30, y + 10))
    tab.fingers("touchEnd")
    tab.until("() => window.easel.studio.canvas().drawn()")
    assert tab.page.evaluate("[scrollX, scrollY, visualViewport.scale]")[2] == 1, "the page itself is not enlarged"


@pytest.mark.parametrize("width", [390, 900])
def test_nothing_sticks_out(another: Another, photo: bytes, width: int) -> None:
    tab = another(viewport={"width": width, "height": 844})
    for mode in ("sketch", "inpaint", "inpaint_upload", "outpaint"):
        give(tab, mode, photo)
        tab.until_fits()


def test_a_chain_of_sends_loses_nothing(tab: Tab, tmp_path: Path) -> None:
    tab.prefix = "txt2img"
    tab.page.click("#tab_txt2img-button")
    names = ("prompt", "neg_prompt", "steps", "seed", "cfg_scale", "sampling", "scheduler", "subseed", "subseed_strength")
    tab.fill(prompt="a (rocket:1.2) under a night sky", neg_prompt="a car", steps=7, seed=1234, cfg_scale=6.5)
    tab.page.locator("#txt2img_sampling input").click()
    tab.page.get_by_role("option", name="Euler a", exact=True).click()
    tab.page.check("#txt2img_subseed_show input")
    tab.fill(subseed=5, subseed_strength=0.25)
    wanted = {name: tab.value(name) for name in names}
    tab.until_shown(tab.generate())
    first = tab.picture()

    tab.page.click("#txt2img_send_to_inpaint")
    tab.page.wait_for_function(FILLED, arg="inpaint")
    tab.prefix = "img2img"
    tab.until_values(**wanted)
    fetched = "async () => { const { reference } = window.easel.studio.canvas().picture; return [...new Uint8Array(await (await fetch(window.easel.inputUrl(reference))).arrayBuffer())]; }"
    assert bytes(tab.page.evaluate(fetched)) == first, "the saved file itself, not a new encoding of it"
    draw(tab, (40, 40), (80, 80))
    tab.until_shown(tab.generate())

    painted = tab.picture()

    tab.page.click("#img2img_send_to_extras")
    tab.page.wait_for_function("() => window.easel.extras.canvas && window.easel.extras.canvas.picture")
    tab.prefix = "extras"
    tab.fill(upscaling_resize=2)
    before = len(tab.page.evaluate(SUBMITTED))
    tab.page.click("#extras_generate")
    tab.page.wait_for_function(f"(before) => ({SUBMITTED})().length > before", arg=before)
    tab.until_shown(tab.page.evaluate(SUBMITTED)[-1])
    large, small = (read(files.read(data)).request for data in (tab.picture(), painted))
    assert image(tab.picture()).size == (256, 256)
    assert large == small and large.mask.image, "what painted it came along"

    tab.page.click("#extras_send_pnginfo")
    expect(tab.page.locator("#pnginfo_html_info h3").first).to_contain_text("Made")
    tab.prefix = "img2img"
    tab.page.click("#img2img_tab")
    tab.page.wait_for_function(FILLED, arg="img2img")
    expect(tab.page.locator("#tab_img2img-button")).to_have_attribute("aria-selected", "true")
    tab.page.click("#tab_txt2img-button")
    tab.prefix = "txt2img"
    tab.page.click("#txt2img_clear_prompt")
    tab.fill(seed=1, steps=3, cfg_scale=2)
    tab.page.click("#tab_pnginfo-button")
    tab.page.click("#txt2img_tab")
    tab.until_values(**wanted)
    tab.until_shown(tab.generate())
    assert image(tab.picture()).tobytes() == image(first).tobytes(), "the first picture again"
    tab.page.click("#tab_img2img-button")
    tab.page.click("#img2img_send_to_txt2img")
    expect(tab.page.locator("#tab_txt2img-button")).to_have_attribute("aria-selected", "true")


def test_a_batch_is_a_job_for_each_picture(tab: Tab, photo: bytes) -> None:
    choose_tab = "#tab_img2img-button"
    tab.page.click(choose_tab)
    tab.page.click("#img2img_mode_batch")
    other = io.BytesIO()
    image(photo).rotate(90).save(other, "PNG")
    chosen = [{"name": f"{number}.png", "mimeType": "image/png", "buffer": data} for number, data in enumerate((photo, other.getvalue()))]
    tab.page.set_input_files(".easel-batch input[type=file]", chosen)
    expect(tab.page.locator(".easel-batch li")).to_have_count(2)
    tab.fill(prompt="a batch of two", steps=2, denoising_strength=0.5)
    tab.page.click("#img2img_generate")
    tab.until_said("2 pictures are in the queue")
    tab.until("() => window.easel.jobs().filter((job) => job.prompt === 'a batch of two' && job.state === 'done').length === 2")


def test_escape_in_the_queue_tab(tab: Tab) -> None:
    tab.prefix = "txt2img"
    tab.page.click("#tab_txt2img-button")
    tab.fill(prompt="a long one", steps=150, batch_count=100)
    job = tab.generate()
    tab.until(at.STEPPING)
    tab.page.click("#tab_queue-button")
    tab.page.keyboard.press("Escape")
    tab.until_state(job, "cancelled")
