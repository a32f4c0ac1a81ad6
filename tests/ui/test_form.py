"""Request into widgets, widgets into request: exact, also for values that a browser would round."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from gradio.components import Component
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.core.groups.passes import Script
from modules.core.levels import HIGHEST, LOWEST, Levels
from modules.core.params import Field, from_dict, is_optional, literal_names, rows_of, to_dict, walk, with_values
from modules.core.request import GenerationRequest
from modules.engine.sweeps import SWEEPS
from modules.ui import fields, layout, scripts
from modules.ui.form import Choice, Form

FORMED = [field for field in walk(GenerationRequest) if not all(field.name in hidden for hidden in layout.HIDDEN.values())]


@pytest.fixture(scope="module")
def form() -> Iterator[Form[GenerationRequest]]:
    with gr.Blocks(analytics_enabled=False):
        form = Form(GenerationRequest(), "test")
        for field in FORMED:
            form.put(field.name, **({"choices": ["a", "b"]} if field.name == "model" else {}))
        form.switch("variation", "Extra", layout.VARIATION)
    yield form


def browser(value: Any) -> Any:
    """What comes back from JavaScript: JSON, in which 7.0 is 7 and every number a double."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = int(float(value))
    return json.loads(json.dumps(value))


def held(form: Form[GenerationRequest], request: GenerationRequest) -> dict[Component, Any]:
    """The widgets' values after a fill, as the browser sends them."""
    return {component: browser(update["value"]) for component, update in form.fill(request).items()}


def values_of(field: Field) -> st.SearchStrategy[Any]:
    if row := rows_of(field.type):
        inner = st.fixed_dictionaries({}, optional={one.name: values_of(one) for one in walk(row)})
        return st.lists(inner.map(lambda values: to_dict(from_dict(row, values))), max_size=2)
    names = field.param.names() or literal_names(field.type)
    if names:
        return st.sampled_from(names)
    if field.type is bool:
        return st.booleans()
    if field.type == Levels:
        return st.sets(st.floats(LOWEST, HIGHEST), max_size=4).map(lambda found: tuple(sorted(found, reverse=True)))
    if field.type is str:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=min(40, field.param.max_length or 40))
    if fields.is_files(field):
        return st.dictionaries(st.from_regex(r"[a-z][a-z0-9 _.-]{0,12}[a-z0-9]", fullmatch=True), st.from_regex(r"([0-9a-f]{10})?", fullmatch=True), max_size=3)
    if fields.is_several(field):
        return st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=3).map(tuple)
    low, high = field.param.minimum, field.param.maximum
    if field.type is int:
        return st.integers(int(low or 0), int(high or 0))
    numbers = st.floats(low, high, allow_nan=False)
    return st.none() | numbers if is_optional(field.type) else numbers


REQUESTS = st.fixed_dictionaries({}, optional={field.name: values_of(field) for field in FORMED}).map(lambda values: with_values(GenerationRequest(), values))


@settings(max_examples=150, deadline=None)
@given(REQUESTS)
def test_round_trip(form: Form[GenerationRequest], request: GenerationRequest) -> None:
    assert form.collect(held(form, request)) == request


def test_a_parameter_has_one_place() -> None:
    with gr.Blocks(analytics_enabled=False):
        form = Form(GenerationRequest(), "test")
        form.put("steps")
        with pytest.raises(ValueError, match="twice"):
            form.put("steps")


def test_what_has_no_widget_keeps_the_value_of_the_start() -> None:
    start = with_values(GenerationRequest(), {"sampler": "Heun"})
    with gr.Blocks(analytics_enabled=False):
        form = Form(start, "test")
        steps = form.put("steps")
    assert form.collect({steps: 7}) == with_values(start, {"steps": 7})


def test_a_switch_that_is_off_keeps_defaults_whatever_the_boxes_hold(form: Form[GenerationRequest]) -> None:
    varied = with_values(GenerationRequest(), {"variation.seed": 5, "variation.strength": 0.5})
    values = held(form, varied)
    box = form.switches["variation"].box
    assert values[box] is True
    assert form.collect({**values, box: False}).variation == GenerationRequest().variation


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("seed", "ten"),
        ("steps", 0),
        ("steps", 1001),
        ("steps", {"a": 1}),
        ("width", -8),
        ("cfg_scale", math.inf),
        ("sampler", 5),
        ("prompt", "x" * 20_001),
        ("tiling", "perhaps"),
    ],
)
def test_what_is_wrong_is_named(form: Form[GenerationRequest], name: str, raw: object) -> None:
    values = held(form, GenerationRequest()) | {form.widgets[name]: raw}
    with pytest.raises(InvalidRequest) as caught:
        form.collect(values)
    said = form.explain(caught.value)
    assert caught.value.field == name
    assert said.title == form.widgets[name].label
    assert said.kind == "error"
    assert name + " =" not in said.text


def test_refill_takes_what_is_usable_and_passes_over_the_rest(form: Form[GenerationRequest]) -> None:
    noted = {"prompt": "kept", "steps": 31, "seed": "x", "width": [1], "sampler": None, "paths": "/etc", "variation": True, "cfg_scale": "4.5"}
    updates = form.refill(noted)
    shown = {name: updates[component]["value"] for name, component in form.parts().items() if component in updates}
    assert shown == {"prompt": "kept", "steps": 31, "cfg_scale": 4.5, "variation": True, "sampler": GenerationRequest().sampler}


def test_a_script_and_its_arguments_come_back() -> None:
    matrix, plot = SWEEPS.get("Prompt matrix"), SWEEPS.get("X/Y/Z plot")
    with gr.Blocks(analytics_enabled=False):
        outer = Form(GenerationRequest(), "outer")
        outer.put("script.name", choices=[("None", ""), ("Prompt matrix", matrix.name), ("X/Y/Z plot", plot.name)])
        inner = {record.name: Form(record.arguments(), record.name) for record in (matrix, plot)}
        for record in (matrix, plot):
            for declared in walk(record.arguments):
                if declared.name not in scripts.FILLED_IN:
                    inner[record.name].put(declared.name)
        outer.choice = Choice("script.name", "script.args", inner)
    empty = {component: component.value for component in outer.inputs}
    assert outer.collect(empty).script == Script()

    args = {"x_type": "Sampler", "x_menu": ["Euler", "DDIM"], "margin": 6, "draw_legend": False}
    request = with_values(GenerationRequest(), {"script.name": plot.name, "script.args": args})
    shown = {**empty, **{component: update["value"] for component, update in outer.fill(request).items()}}
    again = outer.collect(shown)
    assert again.script.name == plot.name and again.script.args == to_dict(plot.read(args))
    noted = {name: shown[part] for name, part in outer.parts().items()}
    kept = {**empty, **{component: update["value"] for component, update in outer.refill(noted).items()}}
    assert outer.collect(kept) == again
    assert outer.collect({**shown, outer.widgets["script.name"]: ""}).script == Script(), "the arguments of a script that is not chosen say nothing"


def test_arguments_of_another_version_leave_the_form_as_it_is() -> None:
    record = SWEEPS.get("Prompt matrix")
    with gr.Blocks(analytics_enabled=False):
        outer = Form(GenerationRequest(), "outer")
        outer.put("script.name", choices=[("None", ""), (record.name, record.name)])
        inner = Form(record.arguments(), "inner")
        inner.put("margin")
        outer.choice = Choice("script.name", "script.args", {record.name: inner})
    updates = outer.fill(with_values(GenerationRequest(), {"script.name": record.name, "script.args": {"no_such": 1}}))
    assert set(updates) == {outer.widgets["script.name"]}
