"""The header's further controls: none stands twice, each acts in every form, settings act at once."""

from __future__ import annotations

from collections import Counter

import pytest

from modules.ui import build, layout, quick
from tests.ui.conftest import DrawnApp
from tests.ui.pressing import ids, press


def test_nothing_is_there_unless_asked_for(app: DrawnApp) -> None:
    assert "quicksettings_more" not in ids(build.page(app))


def test_a_parameter_leaves_its_accordion_and_belongs_to_both_forms(app: DrawnApp) -> None:
    app.settings.change("quicksettings_list", ["CLIP_stop_at_last_layers", "emphasis", "sd_vae", "no such thing", "emphasis"])
    page = build.page(app)
    found = Counter(ids(page))
    assert (found["setting_CLIP_stop_at_last_layers"], found["setting_emphasis"], found["quicksettings_more"]) == (1, 1, 1)
    assert not {"txt2img_text_clip_skip", "img2img_text_clip_skip", "txt2img_text_emphasis"} & set(found)
    assert max(found.values()) == 1
    assert "txt2img_text_comma_backtrack" in found, "its neighbours stay"
    _, said = press(page, "txt2img_generate", setting_CLIP_stop_at_last_layers=2, setting_emphasis="None", txt2img_width=64, txt2img_height=64, txt2img_steps=1)
    text = app.until(said["job"], "done").request.text
    assert (text.clip_skip, text.emphasis) == (2, "None")


def test_an_accordion_that_is_emptied_goes(app: DrawnApp) -> None:
    rows = next(rows for _, id, rows in layout.ACCORDIONS if id == "computing")
    app.settings.change("quicksettings_list", [quick.spelled(name) for names in rows for name in names])
    assert "txt2img_computing" not in ids(build.page(app))


def test_a_setting_leaves_settings_and_acts_at_once(app: DrawnApp) -> None:
    app.settings.change("quicksettings_list", ["samples_format", "save_txt"])
    page = build.page(app)
    assert max(Counter(ids(page)).values()) == 1
    _, said = press(page, "setting_samples_format", setting_samples_format="webp")
    assert (app.settings.value.samples_format, said["title"]) == ("webp", "Settings saved")
    assert press(page, "setting_samples_format", setting_samples_format="webp")[1]["text"] == ""
    press(page, "settings_submit", setting_save_txt=True, setting_samples_format="webp")
    assert app.settings.value.save_txt is True, "Apply takes them too"


@pytest.mark.parametrize("name", ["text.clip_skip", "CLIP_stop_at_last_layers"])
def test_names_of_both_kinds_are_understood(name: str) -> None:
    if name == "text.clip_skip":
        assert quick.spelled(name) == "CLIP_stop_at_last_layers"
    assert quick.chosen(("CLIP_stop_at_last_layers", "live_preview_size")) == (["text.clip_skip"], ["live_preview_size"])


def test_all_that_is_offered_can_stand_there(app: DrawnApp) -> None:
    names = [name for _, name in quick.offered()]
    assert len(set(names)) == len(names) > 40
    app.settings.change("quicksettings_list", names)
    found = Counter(ids(build.page(app)))
    assert [id for id, times in found.items() if times > 1] == []
