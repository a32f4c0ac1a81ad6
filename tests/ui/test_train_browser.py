"""Learning a thing in a real browser, with a real training: pictures dropped, words written, trained, watched, paused and gone on with, tried; and off again to the bit."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from playwright.sync_api import Page, expect

from tests.training.painting import picture
from tests.ui.tab import Tab, pixels

pytestmark = pytest.mark.browser

NAME, TRIGGER = "easel-test-blorp", "blorp"
STEPS = 100_000
"""More than can be done while a browser looks for a button, on any machine."""
CHOSEN = {"steps": STEPS, "side": 64, "rank": 2, "learn_rate": 0.05}
MORE = {"batch": 1, "watching_sample_every": 3, "watching_measure_every": 2, "watching_steps": 1, "learning_warmup": 0, "data_held_out": 0.4}
SAID = "() => document.querySelector('#train_run .state').textContent"
STEP = "() => { const bar = document.querySelector('#train_gallery .doing').textContent.match(/step (\\d+) of/i); return bar ? Number(bar[1]) : 0; }"
CURVE = "() => { const line = document.querySelector('#train_run .curve path.loss'); return Boolean(line) && (line.getAttribute('d').match(/L/g) || []).length >= 2; }"
SAMPLES = "() => { const images = [...document.querySelectorAll('#train_run .pair img')]; return images.length >= 2 && images.every((image) => image.complete && image.naturalWidth > 0) && images[0].src !== images[images.length - 1].src; }"


@pytest.fixture(autouse=True)
def clean(data: Path) -> Iterator[None]:
    """What is learnt here is nobody else's."""
    yield
    for place in (data / "models" / "Lora", data / "training", data / "datasets"):
        for path in place.glob(f"{NAME}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def files(count: int) -> list[dict[str, Any]]:
    found = []
    for seed in range(count):
        out = io.BytesIO()
        picture(seed).save(out, "PNG")
        found.append({"name": f"{seed}.png", "mimeType": "image/png", "buffer": out.getvalue()})
    return found


def drop(page: Page, some: list[dict[str, Any]]) -> None:
    """As a hand drops files from a window of its desktop."""
    made = "async (some) => { const data = new DataTransfer(); for (const [name, url] of some) data.items.add(new File([await (await fetch(url)).blob()], name, { type: 'image/png' })); return data; }"
    data = page.evaluate_handle(made, [[one["name"], f"data:image/png;base64,{base64.b64encode(one['buffer']).decode()}"] for one in some])
    page.dispatch_event("#train_set .drop", "drop", {"dataTransfer": data})


def opened(tab: Tab) -> Page:
    tab.page.click("#tab_train-button")
    expect(tab.page.locator("#train_set .drop")).to_be_visible()
    tab.prefix = "train"
    return tab.page


def act(page: Page, name: str) -> None:
    page.locator("#train_run .acts").get_by_role("button", name=name).click()


def test_a_thing_is_learnt_watched_paused_tried_and_off_to_the_bit(tab: Tab, data: Path) -> None:
    tab.fill(prompt=f"a {TRIGGER}", steps=2, width=64, height=64, seed=5)
    tab.until_shown(tab.generate())
    before = tab.picture()

    page = opened(tab)
    tab.fill(name=NAME, trigger=TRIGGER)
    drop(page, files(5))
    expect(page.locator("#train_set li")).to_have_count(5)
    page.get_by_label("Caption of 0.png").fill(f"a {TRIGGER} on a table")
    page.click("#train_look")
    expect(page.locator(".easel-train-look .said")).to_contain_text("5 pictures")
    expect(page.locator(".easel-train-look .found img")).to_be_visible()
    expect(page.locator("#train_set .count")).to_have_text("5 pictures, 1 with captions")
    tab.fill(**CHOSEN)
    page.click("#train_more > button")
    tab.fill(**MORE)
    page.click("#train_generate")

    page.wait_for_function(CURVE)
    page.wait_for_function(SAMPLES)
    page.wait_for_function("() => document.querySelector('#train_run .curve circle.measured') !== null")
    expect(page.locator("#train_run h3")).to_have_text(NAME)
    expect(page.locator("#train_gallery .doing")).to_contain_text(f"of {STEPS}")
    act(page, "Pause")
    expect(page.locator("#train_run .state")).to_contain_text("Paused")
    paused = int(page.locator("#train_run .state").inner_text().split("step ")[1].split(" of")[0])
    assert paused >= 2 and not list((data / "models" / "Lora").glob(f"{NAME}*")), "nothing has come out of it yet"

    act(page, "Resume")
    page.wait_for_function(f"(paused) => ({STEP})() > paused", arg=paused)
    act(page, "Enough")
    expect(page.locator("#train_run .state")).to_contain_text("Finished")
    assert (data / "models" / "Lora" / f"{NAME}.safetensors").is_file()

    act(page, "Try it")
    tab.prefix = "txt2img"
    expect(tab.box("prompt")).to_have_value(f"a {TRIGGER} <lora:{NAME}:1>")
    tab.until_shown(tab.generate())
    learnt = tab.picture()
    assert pixels(learnt) != pixels(before)
    tab.fill(prompt=f"a {TRIGGER}")
    tab.until_shown(tab.generate())
    assert pixels(tab.picture()) == pixels(before), "off, it is as if it had never been"

    page.click("#tab_models-button")
    page.fill("#models_search", NAME)
    expect(page.locator("#easel_models .card")).to_have_count(1)
    expect(page.locator("#easel_models .card .further").first).to_have_text(f"“{TRIGGER}”")
    expect(page.locator("#easel_models .card img")).to_be_visible()

    page = opened(tab)
    tab.forgiven.append("training/begin")
    page.click("#train_generate")
    tab.until_said(f"There is a model {NAME}.safetensors already")
    act(page, "Discard")
    act(page, "Really")
    expect(page.locator(f'#train_runs [data-run="{NAME}"]')).to_have_count(0)
    assert (data / "models" / "Lora" / f"{NAME}.safetensors").is_file(), "the model that came out of it stays"
    tab.forgiven.append("/thumbs/")  # a row may go while its picture is asked for
    page.click("#tab_queue-button")
    expect(page.locator("#easel_queue .over li").first).to_be_visible()
    expect(page.locator("#easel_queue .over li", has_text=f"{STEPS} steps")).to_have_count(0)
    for place in (data / "training" / ".discarded").glob(f"{NAME}*"):
        shutil.rmtree(place)
