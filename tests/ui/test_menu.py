"""The checkpoint menu, and what a choice sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from modules.catalog.card import Card
from modules.core.errors import NotFound
from modules.ui import defaults, menu, settings
from modules.ui.form import Form
from tests.ui.conftest import DrawnApp

CARDS = [
    Card(path=Path("/m/a/dream.safetensors"), name="dream", sha256="ab" * 32),
    Card(path=Path("/m/b/dream.safetensors"), name="dream"),
    Card(path=Path("/m/broken.safetensors"), name="broken", trouble="It ends in the middle."),
]


def test_entries(app: DrawnApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.library, "checkpoints", lambda: CARDS)
    assert menu.entries(app) == [
        ("dream.safetensors [ababababab]", "/m/a/dream.safetensors"),
        ("dream.safetensors", "/m/b/dream.safetensors"),
        ("broken.safetensors (cannot be used)", "broken"),
    ]
    monkeypatch.setattr(app, "card", lambda model="": CARDS[1])
    assert menu.default(app) == "/m/b/dream.safetensors"
    monkeypatch.setattr(app, "card", lambda model="": None)
    assert menu.default(app) == ""


def test_a_choice_sets_what_suits_the_model_and_leaves_the_rest(app: DrawnApp, monkeypatch: pytest.MonkeyPatch) -> None:
    request, names = menu.suited(app, "easel-starter")
    assert set(menu.SUITED) <= set(names)
    assert not {"prompt", "negative_prompt", "seed", "count", "batch_size", "model"} & set(names)
    assert (request.width, request.height) == (128, 128)
    card = app.card("easel-starter")
    assert card is not None
    monkeypatch.setattr(app, "card", lambda model="": replace(card, defaults={"text.clip_skip": 2, "width": 640}))
    request, names = menu.suited(app, "easel-starter")
    assert "text.clip_skip" in names and request.text.clip_skip == 2 and request.width == 640


def test_an_unknown_model_is_refused(app: DrawnApp) -> None:
    with pytest.raises(NotFound):
        menu.suited(app, "nothing like it")


@pytest.mark.parametrize(("chosen", "kept"), [("b", "b"), ("gone", "a"), (None, "a")])
def test_a_refreshed_menu_keeps_the_choice(chosen: str | None, kept: str) -> None:
    assert menu.listed([("A", "a"), ("B", "b")], chosen)["value"] == kept


def test_an_empty_menu() -> None:
    assert menu.listed([], "gone")["value"] is None


def test_a_new_page_starts_with_the_default_model_of_now(app: DrawnApp, monkeypatch: pytest.MonkeyPatch) -> None:
    with gr.Blocks(analytics_enabled=False):
        form = Form(app.default_request(), "txt2img")
        form.put("model", choices=menu.entries(app))
        form.put("prompt")
        width = form.put("width")
    card = app.card()
    assert card is not None
    monkeypatch.setattr(app, "card", lambda model="": replace(card, defaults={"width": 640}, example="something new"))
    updates = defaults.fresh(app, form)
    assert updates[width]["value"] == 640
    assert "something new" in updates[form.widgets["prompt"]]["placeholder"]


def test_settings_keep_a_checkpoint_that_is_away() -> None:
    models = [("A", "a")]
    assert [value for _, value in settings.checkpoints(models, "a")] == ["", "a"]
    assert [value for _, value in settings.checkpoints(models, "gone")] == ["", "a", "gone"]
