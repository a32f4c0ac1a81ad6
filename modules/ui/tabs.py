"""Which tabs the page shows, and in which order: as the settings say. Knows tabs by the words on them."""

from __future__ import annotations

import gradio as gr

from modules.core.settings import Settings

KEPT = "Settings"
"""The tab that cannot be hidden: by it the others come back."""


def names(tabs: gr.Tabs) -> list[str]:
    """The words on the tabs that stand there now."""
    return [str(tab.label) for tab in tabs.children if isinstance(tab, gr.Tab)]


def arrange(tabs: gr.Tabs, settings: Settings) -> str:
    """Hides and sorts, once all are there. Names of tabs that do not exist are passed over. -> element id of the tab that the page shows first.

    Gradio brings a tab's widgets onto the page when it is selected, so a page opens with the tab that was built first, if it is not hidden: the others hand
    pictures to it. Where another stands before it the browser goes there at once (`assets/settings.js`)."""
    hidden = {name.casefold() for name in settings.hidden_tabs} - {KEPT.casefold()}
    order = {name.casefold(): place for place, name in enumerate(settings.ui_tab_order)}
    built = [tab for tab in tabs.children if isinstance(tab, gr.Tab)]
    for tab in built:
        tab.visible = str(tab.label).casefold() not in hidden
    ordered = sorted(built, key=lambda tab: order.get(str(tab.label).casefold(), len(order)))
    tabs.children[:] = ordered
    tabs.selected = next((tab.id for tab in built if tab.visible), None)
    return next((str(tab.elem_id) for tab in ordered if tab.visible), "")
