"""Order and visibility of tabs."""

from __future__ import annotations

import gradio as gr

from modules.core.settings import Settings
from modules.ui import tabs


def arranged(settings: Settings) -> list[str]:
    """The words on the visible tabs. The page opens with the first built one that is visible, and then shows the first."""
    built = ("txt2img", "PNG Info", "Queue", "Settings")
    with gr.Blocks(), gr.Tabs() as place:
        for name in built:
            gr.Tab(name, id=name, elem_id=f"tab_{name}")
    first = tabs.arrange(place, settings)
    shown = [str(tab.label) for tab in place.children if tab.visible]
    assert (first, place.selected) == (f"tab_{shown[0]}", next(name for name in built if name in shown))
    return shown


def test_as_they_are_built_unless_told_otherwise() -> None:
    assert arranged(Settings()) == ["txt2img", "PNG Info", "Queue", "Settings"]


def test_named_ones_come_first_and_hidden_ones_are_away() -> None:
    assert arranged(Settings(ui_tab_order=("queue", "Nothing", "PNG Info"), hidden_tabs=("txt2img",))) == ["Queue", "PNG Info", "Settings"]


def test_settings_cannot_be_hidden() -> None:
    assert arranged(Settings(hidden_tabs=("txt2img", "PNG Info", "Queue", "Settings"))) == ["Settings"]
