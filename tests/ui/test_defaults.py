"""Start values of the forms: shown, saved, on a new page, and taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modules.core.request import GenerationRequest
from modules.ui import defaults
from modules.ui.build import Page
from modules.ui.form import Form
from tests.ui.conftest import DrawnApp
from tests.ui.pressing import built_page, press


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DrawnApp, Page]]:
    """Built once: no test here makes a picture."""
    yield from built_page(tmp_path_factory.mktemp("data"))


@pytest.fixture
def app(built: tuple[DrawnApp, Page]) -> DrawnApp:
    built[0].settings.reset()
    for form in ("txt2img", "img2img"):
        built[0].form_defaults.change(form, {})
    return built[0]


@pytest.fixture
def page(app: DrawnApp, built: tuple[DrawnApp, Page]) -> Page:
    return built[1]


def test_nothing_differs_on_a_new_page(page: Page) -> None:
    updates, _ = press(page, "ui_defaults_view")
    assert updates["ui_defaults_review"] == defaults.NOTHING


def test_what_differs_is_shown_and_saved_by_form(app: DrawnApp, page: Page) -> None:
    held = {"txt2img_steps": 33, "txt2img_prompt": "<b>bold</b>", "txt2img_tiling": True, "img2img_denoising_strength": 0.4}
    shown = press(page, "ui_defaults_view", **held)[0]["ui_defaults_review"]
    assert "<td>33</td>" in shown and "&lt;b&gt;bold&lt;/b&gt;" in shown and "<td>0.4</td>" in shown
    assert not app.form_defaults.of("txt2img")
    _, said = press(page, "ui_defaults_apply", **held)
    assert "4 values" in said["text"]
    assert app.form_defaults.of("txt2img") == {"steps": 33, "prompt": "<b>bold</b>", "tiling": True}
    assert app.form_defaults.of("img2img") == {"init.strength": 0.4}


def test_neither_the_model_nor_pictures_nor_scripts_are_kept(app: DrawnApp, page: Page) -> None:
    press(page, "ui_defaults_apply", setting_sd_model_checkpoint="another", txt2img_script_list="Prompt matrix", img2img_init_image="sha256:" + "0" * 64)
    assert (app.form_defaults.of("txt2img"), app.form_defaults.of("img2img")) == ({}, {})


def test_a_new_page_starts_with_them(app: DrawnApp) -> None:
    app.form_defaults.change("txt2img", {"steps": 33, "prompt": "mine", "cfg_scale": "no number", "model": "another", "of.a.later.version": 1})
    form = Form(app.default_request(), "txt2img")
    for name in ("model", "prompt", "steps", "cfg_scale", "width", "height", "sampler", "schedule"):
        form.put(name)
    found = {name: defaults.fresh(app, form).get(widget, {}).get("value", "untouched") for name, widget in form.widgets.items()}
    assert found == {**dict.fromkeys(form.widgets, "untouched"), "prompt": "mine", "steps": 33}


def test_they_are_taken_back(app: DrawnApp, page: Page) -> None:
    press(page, "ui_defaults_apply", txt2img_steps=33, img2img_denoising_strength=0.4)
    updates, _ = press(page, "ui_defaults_reset")
    assert updates["txt2img_steps"]["value"] == app.default_request().steps != 33
    assert updates["img2img_denoising_strength"]["value"] == 0.75
    assert (app.form_defaults.of("txt2img"), app.form_defaults.of("img2img")) == ({}, {})


def test_a_request_of_a_program_does_not_see_them(app: DrawnApp) -> None:
    app.form_defaults.change("txt2img", {"steps": 33})
    assert app.default_request().steps != 33 and GenerationRequest().steps == 20
