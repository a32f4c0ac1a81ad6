"""The arguments of an X/Y/Z plot: a row for each axis with its menu or box, buttons that fill and swap axes, and how many pictures it will be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app import App
from modules.core.errors import EaselError
from modules.engine.sweeps.script import ScriptRecord, Tab
from modules.engine.sweeps.xyz_cells import LETTERS, Letter, lines_of
from modules.engine.sweeps.xyz_values import join, split
from modules.ui import menu
from modules.ui.axes import found, hint_of, menu_of_axes
from modules.ui.form import Form
from modules.ui.talk import QUIET, Answer, Talk

LOOKS = (("draw_legend", "keep_random"), ("include_pictures", "include_grids"), ("vary_x", "vary_y", "vary_z"), ("margin",), ("text_inputs",))
SWAPS: tuple[tuple[Letter, Letter], ...] = (("x", "y"), ("y", "z"), ("x", "z"))
PARTS = ("type", "values", "menu")


def build(app: App, record: ScriptRecord, arguments: Form[Any], tab: Tab, talk: Talk) -> None:
    """Makes the arguments in the current place of the page."""
    types = menu_of_axes(tab)
    fills: dict[Letter, gr.Button] = {}
    for letter in LETTERS:
        with gr.Row(elem_classes=["easel-row", "easel-axis"]):
            with gr.Column(scale=2, min_width=120):
                arguments.put(f"{letter}_type", choices=types, info=None)
            with gr.Column(scale=4, min_width=140):
                arguments.put(f"{letter}_values", info=None, lines=1, max_lines=4)
                arguments.put(f"{letter}_menu", choices=[], info=None, visible=False)
            fills[letter] = gr.Button(
                "📒 All", elem_id=f"{arguments.prefix}_fill_{letter}", elem_classes=["tool", "wide"], size="sm", min_width=0, scale=0, visible=False
            )
    with gr.Row(elem_classes=["easel-row", "easel-swaps"]):
        swaps = [gr.Button(f"Swap {a.upper()}/{b.upper()}", elem_id=f"{arguments.prefix}_swap_{a}{b}", size="sm", min_width=60) for a, b in SWAPS]
    size = gr.HTML("", elem_id=f"{arguments.prefix}_size", elem_classes="easel-plot-size", apply_default_css=False)
    for names in LOOKS:
        with gr.Row(elem_classes=["easel-row", "easel-checks"]):
            for name in names:
                arguments.put(name, min_width=120)
    widgets = arguments.widgets

    def faces(letter: Letter, values: Mapping[Component, Any]) -> dict[Component, Any]:
        """The axis with a menu or with a box, as its type and the checkbox say."""
        choices = choices_of(app, tab, str(values[widgets[f"{letter}_type"]] or ""))
        listed = bool(choices) and not values[widgets["text_inputs"]]
        kept = [name for name in values[widgets[f"{letter}_menu"]] or () if name in choices]
        return {
            widgets[f"{letter}_values"]: gr.update(visible=not listed, placeholder=hint_of(str(values[widgets[f"{letter}_type"]] or ""))),
            widgets[f"{letter}_menu"]: gr.update(visible=listed, choices=choices, value=kept),
            fills[letter]: gr.update(visible=bool(choices)),
        }

    def told(values: Mapping[Component, Any]) -> dict[Component, Any]:
        return {size: f"<p class='easel-hint' role='status'>{size_of(arguments, values)}</p>"}

    def on_type(letter: Letter) -> None:
        def act(values: Mapping[Component, Any], user: str) -> Answer:
            return Answer({**faces(letter, values), **told(values)})

        talk.on(widgets[f"{letter}_type"].change, act, arguments.inputs, [widgets[f"{letter}_values"], widgets[f"{letter}_menu"], fills[letter], size])

    def on_fill(letter: Letter) -> None:
        def act(values: Mapping[Component, Any], user: str) -> Answer:
            choices = choices_of(app, tab, str(values[widgets[f"{letter}_type"]] or ""))
            if values[widgets["text_inputs"]]:
                return Answer({widgets[f"{letter}_values"]: join(choices)})
            return Answer({widgets[f"{letter}_menu"]: gr.update(choices=choices, value=choices)})

        talk.on(fills[letter].click, act, arguments.inputs, [widgets[f"{letter}_values"], widgets[f"{letter}_menu"]])

    def on_swap(button: gr.Button, a: Letter, b: Letter) -> None:
        pairs = [(widgets[f"{a}_{part}"], widgets[f"{b}_{part}"]) for part in PARTS]

        def act(values: Mapping[Component, Any], user: str) -> Answer:
            swapped = {**values, **{one: values[other] for one, other in pairs}, **{other: values[one] for one, other in pairs}}
            shown = {**faces(a, swapped), **faces(b, swapped)}
            updates: dict[Component, Any] = {
                component: {**shown.get(component, gr.update()), "value": swapped[component]} for pair in pairs for component in pair
            }
            return Answer({**shown, **updates})

        talk.on(button.click, act, arguments.inputs, [*(part for pair in pairs for part in pair), fills[a], fills[b]])

    def on_text_inputs(values: Mapping[Component, Any], user: str) -> Answer:
        """What was chosen in menus is what stands in the boxes, and the other way round."""
        updates: dict[Component, Any] = {}
        for letter in LETTERS:
            typed, menu = widgets[f"{letter}_values"], widgets[f"{letter}_menu"]
            choices = choices_of(app, tab, str(values[widgets[f"{letter}_type"]] or ""))
            updates |= faces(letter, values)
            if choices and values[widgets["text_inputs"]] and values[menu]:
                updates[typed] |= {"value": join(values[menu])}
            elif choices and not values[widgets["text_inputs"]] and values[typed]:
                updates[menu] |= {"value": [name for name in split(str(values[typed])) if name in choices]}
        return Answer(updates)

    for letter in LETTERS:
        on_type(letter)
        on_fill(letter)
    for button, (a, b) in zip(swaps, SWAPS, strict=True):
        on_swap(button, a, b)
    shown = [component for letter in LETTERS for component in (widgets[f"{letter}_values"], widgets[f"{letter}_menu"], fills[letter])]
    talk.on(widgets["text_inputs"].input, on_text_inputs, arguments.inputs, shown)
    asked = [widgets[f"{letter}_{part}"] for letter in LETTERS for part in ("values", "menu")]
    gr.on(
        [event for part in asked for event in (part.blur, part.change if isinstance(part, gr.Dropdown) else part.submit)],
        told,
        arguments.inputs,
        [size],
        preprocess=False,
        **QUIET,
    )


def choices_of(app: App, tab: Tab, name: str) -> list[str]:
    """The values of an axis that has a menu; empty for one whose values are typed."""
    axis = found(tab, name)
    if axis is None or axis.choices is None:
        return []
    if axis.choices:
        return [*axis.choices, *(app.upscaler_files() if axis.name == "Hires upscaler" else ())]
    if axis.name == "VAE":
        return [value for _, value in menu.vaes(app)]
    try:
        none = ["None"] if axis.name.startswith("Refiner") else []
        return list(app.styles()) if axis.name == "Styles" else [*none, *(card.name for card in app.library.checkpoints() if not card.trouble)]
    except EaselError:  # an unreadable styles.csv says so where styles are chosen
        return []


def size_of(arguments: Form[Any], values: Mapping[Component, Any]) -> str:
    """How many cells it will be, or what is still wrong."""
    try:
        counts = [len(line.values) for line in lines_of(arguments.collect(values)) if line.varies]
    except EaselError as error:
        return "" if "was given no values" in error.what else error.what.removeprefix("X/Y/Z plot, ")
    total = 1
    for count in counts:
        total *= count
    return f"{' × '.join(map(str, counts))}{f' = {total}' if len(counts) > 1 else ''} cells." if counts else ""
