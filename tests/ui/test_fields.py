"""Declarations become the widgets that a hand expects."""

from __future__ import annotations

import typing

import gradio as gr
import pytest

from modules.core.errors import InvalidRequest
from modules.core.params import named, walk, with_values
from modules.core.request import GenerationRequest
from modules.ui import fields

KINDS: list[tuple[str, type]] = [
    ("prompt", gr.Textbox),
    ("sampler", gr.Dropdown),
    ("text.emphasis", gr.Dropdown),
    ("steps", gr.Slider),
    ("width", gr.Slider),
    ("cfg_scale", gr.Slider),
    ("variation.strength", gr.Slider),
    ("seed", gr.Textbox),
    ("solver.eta", gr.Textbox),
    ("solver.ensd", gr.Number),
    ("spacing.sigma_max", gr.Number),
    ("spacing.sigmas", gr.Textbox),
    ("tiling", gr.Checkbox),
]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_kind(name: str, kind: type) -> None:
    field = named(GenerationRequest, name)
    made = fields.widget(field, field.default)
    assert type(made) is kind
    assert getattr(made, "label") == field.param.label  # noqa: B009


def test_every_parameter_but_dictionaries_has_a_widget() -> None:
    for field in walk(GenerationRequest):
        if typing.get_origin(field.type) is not dict:
            fields.widget(field, field.default)


def test_a_slider_ends_at_the_usual_and_makes_room_for_more() -> None:
    width = named(GenerationRequest, "width")
    assert fields.slider_end(width) == width.param.usual
    assert fields.shown(width, 4096) == {"value": 4096, "maximum": 4096}
    assert fields.widget(width, 4096).maximum == 4096


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("seed", "9223372036854775807", 2**63 - 1),
        ("seed", " -1 ", -1),
        ("seed", "", -1),
        ("seed", None, -1),
        ("seed", "abc", "abc"),
        ("steps", 20.0, 20),
        ("steps", 20.5, 20.5),
        ("steps", None, 20),
        ("solver.eta", "", None),
        ("solver.eta", "0.67", 0.67),
        ("solver.eta", "nan or so", "nan or so"),
        ("cfg_scale", 7, 7),
        ("prompt", "", ""),
        ("prompt", "12", "12"),
    ],
)
def test_meant(name: str, raw: object, value: object) -> None:
    assert fields.meant(named(GenerationRequest, name), raw) == value


def test_a_list_of_levels_is_typed_and_shown_as_text() -> None:
    sigmas = named(GenerationRequest, "spacing.sigmas")
    assert fields.shown(sigmas, (14.6, 1.0)) == {"value": "14.6, 1"} and fields.shown(sigmas, ()) == {"value": ""}
    assert with_values(GenerationRequest(), {"spacing.sigmas": fields.meant(sigmas, "14.6, 1")}).spacing.sigmas == (14.6, 1.0)
    assert with_values(GenerationRequest(), {"spacing.sigmas": fields.meant(sigmas, "")}).spacing.sigmas == ()


def test_a_menu_takes_choices_from_outside() -> None:
    menu = fields.widget(named(GenerationRequest, "model"), "b", choices=[("Model B", "b"), ("Model A", "a")])
    assert isinstance(menu, gr.Dropdown)
    assert menu.value == "b"


def test_files_stand_in_their_menu_by_name_with_the_beginning_of_their_hash() -> None:
    field = named(GenerationRequest, "companions")
    asked = {"ae": "", "clip_l [old]": "", "t5xxl": "0123456789abcdef" * 4}
    box = fields.widget(field, asked, choices=[("ae", "ae")])
    assert isinstance(box, gr.Dropdown) and box.multiselect
    assert box.value == ["ae", "clip_l [old]", "t5xxl [0123456789]"] == fields.shown(field, asked)["value"]
    assert fields.meant(field, box.value) == {**asked, "t5xxl": "0123456789"}
    assert fields.meant(field, None) == {} and fields.meant(field, ["", " ae "]) == {"ae": ""}
    with pytest.raises(InvalidRequest):
        with_values(GenerationRequest(), {"companions": fields.meant(field, [3])})
