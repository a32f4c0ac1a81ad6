"""The tab Settings: every setting in its section, applied and reset; what another tab sets is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modules.core.params import walk
from modules.core.settings import SECTIONS, Settings
from modules.ui import settings
from modules.ui.build import Page
from tests.ui.conftest import DrawnApp
from tests.ui.pressing import built_page, ids, press


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


def test_every_setting_has_a_section_and_stands_once(page: Page) -> None:
    declared = [field.name for kind in SECTIONS.values() for field in walk(kind)]
    assert sorted(declared) == sorted(field.name for field in walk(Settings))
    place = {"sd_model_checkpoint": "default_checkpoint"}
    standing = [name for name in declared if ids(page).count(f"setting_{place.get(name, name)}") == 1]
    assert set(declared) - set(standing) == set(settings.ELSEWHERE)
    assert {f"settings_{settings.key(title)}" for title in SECTIONS} <= set(ids(page))


def test_apply_saves_what_was_changed_and_says_so(app: DrawnApp, page: Page) -> None:
    _, said = press(page, "settings_submit", setting_save_txt=True, setting_hidden_tabs=["Queue"], setting_jpeg_quality=90)
    assert "Create a text file" in said["text"] and "Hidden UI tabs" in said["text"]
    now = app.settings.value
    assert (now.save_txt, now.hidden_tabs, now.jpeg_quality) == (True, ("Queue",), 90)
    assert press(page, "settings_submit", setting_save_txt=True, setting_hidden_tabs=["Queue"], setting_jpeg_quality=90)[1]["text"] == "Nothing was changed."


def test_what_is_not_usable_is_said_by_its_label_and_nothing_is_saved(app: DrawnApp, page: Page) -> None:
    _, said = press(page, "settings_submit", setting_save_txt=True, setting_outdir_txt2img_samples="../elsewhere")
    assert (said["kind"], said["title"]) == ("error", "Output directory for txt2img images") and "below the outputs folder" in said["text"]
    assert app.settings.value == Settings()


def test_defaults_are_shown_and_not_saved_yet(app: DrawnApp, page: Page) -> None:
    app.settings.change("jpeg_quality", 33)
    updates, _ = press(page, "settings_reset")
    assert updates["setting_jpeg_quality"]["value"] == 80
    assert app.settings.value.jpeg_quality == 33


def test_what_another_tab_sets_is_left_alone_by_apply(app: DrawnApp, page: Page) -> None:
    app.settings.change("disabled_extensions", "wildcards")
    press(page, "settings_submit", setting_save_txt=True)
    assert (app.settings.value.save_txt, app.settings.value.disabled_extensions) == (True, "wildcards")
