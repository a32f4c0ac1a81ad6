"""The Models tab by hand in a real browser: search, insert, select, inspect, notes, a broken file that is shown as one, and a download that is cancelled and gone on with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -r tests/requirements.txt")

from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.catalog import files
from tests.stock.standin import REPOSITORY, Hub
from tests.ui import page as at
from tests.ui.tab import Tab

pytestmark = pytest.mark.browser

expect.set_options(timeout=at.PATIENCE * 1000)

MANY = 1500
VAE = {"decoder.conv_in.weight": (64, 4, 3, 3), "decoder.mid.attn_1.q.weight": (4, 4, 1, 1), "decoder.up.3.block.0.norm1.weight": (4,)}
"""Enough names of one to be taken for it."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("models")
    first = files.write(data / "models" / "embeddings" / "style 0000.safetensors", {"emb_params": (1, 768)}).read_bytes()
    for number in range(1, MANY):
        (first_path := data / "models" / "embeddings" / f"style {number:04}.safetensors").write_bytes(first)
    Image.new("RGB", (64, 80), "teal").save(first_path.with_suffix(".png"))
    layer = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    files.write(data / "models" / "Lora" / "lcm-lora-sdv1-5.safetensors", {f"{layer}.lora_down.weight": (4, 768), f"{layer}.lora_up.weight": (640, 4)})
    files.write(data / "models" / "VAE" / "clear.safetensors", VAE)
    files.write(data / "models" / "Stable-diffusion" / "plain.safetensors", files.SD1)
    (data / "models" / "Stable-diffusion" / "cut short.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{")
    return data


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    place = tmp_path_factory.mktemp("hub")
    weights = files.write(place / "a.safetensors", {"lora_unet_x.lora_down.weight": (64, 8192), "lora_unet_x.lora_up.weight": (64, 64)}).read_bytes()
    found = Hub({"watercolour.safetensors": weights})
    yield found
    found.close()


@pytest.fixture(scope="module")
def address(browser: Browser, data: Path, hub: Hub) -> Iterator[str]:
    with at.serving(data, "--hub-endpoint", hub.address) as address:
        yield address


def opened(tab: Tab) -> Page:
    tab.page.click("#tab_models-button")
    expect(tab.page.locator("#easel_models .card").first).to_be_visible()
    return tab.page


def card(page: Page, name: str) -> str:
    """-> selector of the card, once the search has found it."""
    page.fill("#models_search", name)
    expect(page.locator("#easel_models .card")).to_have_count(1)
    expect(page.locator("#easel_models .card b")).to_contain_text(name)  # one card alone may be that of the list before
    return "#easel_models .card"


def test_search_insert_take_out_and_walk_by_keys_to_the_very_last(tab: Tab) -> None:
    tab.fill(prompt="a heron")
    page = opened(tab)
    expect(page.locator("#easel_models .kinds button", has_text="All")).to_contain_text(str(MANY + 5))
    assert page.locator("#easel_models .card").count() < 120, "only what is in sight is on the page"
    page.click(f"{card(page, 'style 0777')} .pick")
    tab.until_values(prompt="a heron, style 0777")
    page.click("#easel_models .card .pick")
    tab.until_values(prompt="a heron")

    page.fill("#models_search", "")
    expect(page.locator("#easel_models .card").nth(9)).to_be_visible()
    page.locator("#models_search").press("ArrowDown")
    page.keyboard.press("End")
    expect(page.locator("#easel_models .card:focus-within b")).to_have_text(f"style {MANY - 1:04}")
    expect(page.locator("#easel_models .card:focus-within img")).to_be_visible()
    page.keyboard.press("Enter")
    tab.until_values(prompt=f"a heron, style {MANY - 1:04}")
    page.keyboard.press("Home")
    expect(page.locator("#easel_models .card:focus-within b")).to_have_text("clear")


def test_a_line_names_missing_loras_and_offers_what_few_steps_need(tab: Tab) -> None:
    line = tab.page.locator("#txt2img_prompt_container .easel-loras")
    tab.fill(prompt="a cat <lora:lcm-lora-sdv1:0.7>")
    expect(line).to_contain_text("There is no LoRA of this name: lcm-lora-sdv1")
    line.get_by_role("button", name="lcm-lora-sdv1-5").click()
    expect(tab.box("prompt")).to_have_value("a cat <lora:lcm-lora-sdv1-5:0.7>")
    expect(line).to_contain_text("draws in few steps (LCM)")
    line.get_by_role("button", name="Use LCM").press("Enter")
    for name, value in {"sampling": "LCM", "scheduler": "SGM Uniform", "steps": "6", "cfg_scale": "1.5"}.items():
        expect(tab.box(name)).to_have_value(value)
    tab.fill(prompt="a cat")
    expect(line).to_be_hidden()


def test_inspect_notes_a_broken_file_and_a_checkpoint_selected(tab: Tab, data: Path) -> None:
    page = opened(tab)
    broken = card(page, "cut short")
    expect(page.locator(f"{broken} .mark")).to_have_text("cannot be used")
    page.click(f"{broken} .pick")
    expect(page.locator("#easel_model .error")).to_contain_text("is cut short")
    page.keyboard.press("Escape")
    assert tab.value("prompt") == ""

    page.hover(card(page, "style 0003"))
    page.get_by_role("button", name="Details of style 0003").click()
    page.get_by_label("Activation text").fill("by the brook")
    page.get_by_role("button", name="Save notes").click()
    expect(page.locator("#easel_model .said")).to_have_text("Saved beside the model.")
    assert json.loads((data / "models" / "embeddings" / "style 0003.json").read_text()) == {"activation text": "by the brook"}
    page.locator("#easel_model .pages button", has_text="Tensors").click()
    expect(page.locator("#easel_model tbody tr")).to_have_text("emb_paramsF161 × 768")
    page.keyboard.press("Escape")
    page.click("#easel_models .card .pick")
    tab.until_values(prompt="style 0003, by the brook")
    expect(page.locator("#easel_models .card .further").first).to_have_text("“by the brook”")

    page.click("#tab_txt2img-button")
    page.click("#txt2img_extra_networks")
    expect(page.locator('#easel_models .kinds [data-group="lora"]')).to_have_attribute("aria-pressed", "true")
    page.click('#easel_models .kinds [data-group="checkpoint"]')
    page.click(f"{card(page, 'starter')} .pick")
    expect(page.locator("#easel_models .card")).to_have_class("card current")
    page.click('#easel_models .kinds [data-group="vae"]')
    page.click(f"{card(page, 'clear')} .pick")
    tab.until_said("VAE of txt2img")


def test_what_a_file_does_not_say_a_person_may(tab: Tab, data: Path) -> None:
    page = opened(tab)
    page.hover(card(page, "plain"))
    page.get_by_role("button", name="Details of plain").click()
    said = page.get_by_label("Prediction", exact=True)
    expect(said.locator("option:checked")).to_have_text("Noise (eps), guessed")
    said.select_option("Velocity (v)")
    tab.until_said("Noted beside the model")
    page.get_by_label("Preferred VAE").select_option("clear.safetensors")
    page.get_by_role("button", name="Save notes").click()
    expect(page.locator("#easel_model .said")).to_have_text("Saved beside the model.")
    place = data / "models" / "Stable-diffusion"
    assert json.loads((place / "plain.json").read_text()) == {"vae": "clear.safetensors"}
    assert json.loads((place / "plain.easel.json").read_text()) == {"prediction": "v"}
    page.get_by_role("button", name="Select this checkpoint").click()
    expect(page.locator("#easel_models .card")).to_have_class("card current")


def get(page: Page) -> None:
    page.click("#models_get")
    page.get_by_label("Repository").fill(REPOSITORY)
    page.keyboard.press("Enter")
    expect(page.locator("#easel_get dl")).to_contain_text("cc0-1.0")
    page.get_by_role("button", name="Get watercolour.safetensors").click()


def when_over(route: Route) -> None:
    """A page that looks seldom: it never sees this work go on."""
    answer = route.fetch()
    while any(task["state"] in ("waiting", "running") for task in answer.json()["tasks"]):
        answer = route.fetch()
    route.fulfill(response=answer)


def test_a_model_is_fetched_cancelled_gone_on_with_and_thrown_away(tab: Tab, hub: Hub) -> None:
    page = opened(tab)

    assert hub.asked == [], "nothing is asked of the hub before a person does"
    hub.gate.clear()
    get(page)
    line = page.locator("#easel_models .tasks li")
    expect(line.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile("^[1-9]"))
    line.get_by_role("button", name="Cancel").click()
    expect(line).to_contain_text("gone on with")
    hub.gate.set()
    assert page.locator("#easel_models .kinds [data-group=lora]").inner_text().endswith("1"), "the half-fetched one is not listed"

    page.route("**/stock/tasks", when_over)
    get(page)
    done = page.locator("#easel_models .tasks li.done")
    expect(done).to_contain_text("watercolour.safetensors is in")
    page.unroute("**/stock/tasks", when_over)
    assert "range" in hub.asked[-1][1]
    page.click("#easel_models .kinds [data-group=lora]")
    page.click(f"{card(page, 'watercolour')} .pick")
    tab.until_values(prompt="<lora:watercolour:1>")
    page.hover("#easel_models .card")
    page.get_by_role("button", name="Details of watercolour").click()
    page.get_by_role("button", name="Move this model").click()
    expect(page.locator("#easel_models .card")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#easel_models .card b")).to_have_text("watercolour")
