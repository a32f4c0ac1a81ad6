"""Widgets of what the chosen checkpoint's family lacks."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr
import pytest

from modules.core.params import with_values
from modules.core.records.families import FAMILIES, FamilyRecord
from modules.core.request import GenerationRequest
from modules.engine.sweeps.script import Tab
from modules.ui import layout, scripts
from modules.ui.form import Form
from modules.ui.lacking import asked, dead, fallen_back, unsuited
from modules.ui.talk import Talk
from tests.networks import tiny, tiny_xl
from tests.ui.conftest import DrawnApp


def test_widgets_of_what_a_family_lacks_are_named_with_the_reason() -> None:
    with gr.Blocks():
        form = Form(GenerationRequest(), "txt2img", layout.IDS)
        for name in ("prompt", "negative_prompt", "cfg_scale", "guidance.distilled", "seed"):
            form.put(name)
    flux, sd1 = (FAMILIES.get(name) for name in ("flux", "sd1"))
    assert dead(flux, [form]) == {str(form.widgets[name].elem_id): flux.lacks[name] for name in ("negative_prompt", "cfg_scale")}
    assert dead(sd1, [form]) == {str(form.widgets["guidance.distilled"].elem_id): sd1.lacks["guidance.distilled"]}


def test_widgets_of_what_does_nothing_are_named_too() -> None:
    with gr.Blocks():
        form = Form(GenerationRequest(), "txt2img", layout.IDS)
        for name in ("text.clip_skip", "framing.top"):
            form.put(name)
    skip, crop = (str(form.widgets[name].elem_id) for name in ("text.clip_skip", "framing.top"))
    sd1, sdxl = (FAMILIES.get(name) for name in ("sd1", "sdxl"))
    assert dead(sd1, [form]) == {crop: sd1.idle["framing.top"]} and dead(sdxl, [form]) == {skip: sdxl.idle["text.clip_skip"]}


def test_entries_of_menus_that_do_not_work_are_named_by_their_place() -> None:
    with gr.Blocks():
        form = Form(GenerationRequest(), "txt2img", layout.IDS)
        for name in ("sampler", "schedule", "hires.sampler", "hires.schedule"):
            form.put(name)
    flux, sd1 = (FAMILIES.get(name) for name in ("flux", "sd1"))
    found = unsuited(flux, [form])
    for name, works in (("sampler", flux.samplers), ("schedule", flux.schedules), ("hires.sampler", flux.samplers), ("hires.schedule", flux.schedules)):
        menu = form.widgets[name]
        assert isinstance(menu, gr.Dropdown)
        told = found[str(menu.elem_id)]
        values = [value for _, value in menu.choices]
        assert [value for place, value in enumerate(values) if place not in told["places"] and value] == [value for value in values if value in works]
        assert told["places"] and flux.title in told["why"]
    assert unsuited(sd1, [form]) == {}


@pytest.mark.parametrize("tab", ["txt2img", "img2img"])
def test_a_plots_axes_and_values_are_marked_with_the_reason(app: DrawnApp, tab: Tab) -> None:
    flux, sd1 = (FAMILIES.get(name) for name in ("flux", "sd1"))
    with gr.Blocks():
        form: Form[GenerationRequest] = Form(GenerationRequest(), tab, layout.IDS)
        scripts.build(app, form, tab, Talk())
    assert form.choice
    menu, prefix = form.choice.forms["X/Y/Z plot"].widgets["y_type"], f"{tab}_script_xyz_plot_y"
    assert isinstance(menu, gr.Dropdown)

    def marked(family: FamilyRecord) -> dict[str, str]:
        told = unsuited(family, [form])[f"{prefix}_type"]
        assert told["marked"] and told["places"] == [*told["reasons"]]
        return {str(menu.choices[place][1]): why for place, why in told["reasons"].items()}

    assert marked(flux)["CFG Scale"] == flux.lacks["cfg_scale"] and marked(flux)["Clip skip"] == flux.idle["text.clip_skip"]
    assert {"Steps", "Seed", "guidance.distilled", "Checkpoint name"}.isdisjoint(marked(flux))
    assert marked(sd1)["guidance.distilled"] == sd1.lacks["guidance.distilled"] and "CFG Scale" not in marked(sd1)
    words = unsuited(flux, [form])[f"{prefix}_menu"]["words"]
    assert "DDIM" in words and "Karras" not in words and "Euler" not in words and f"{prefix}_menu" not in unsuited(sd1, [form])


def test_a_second_pass_falls_back_and_says_so() -> None:
    with gr.Blocks():
        form = Form(GenerationRequest(), "txt2img", layout.IDS)
        sampler, schedule = (form.put(name) for name in ("hires.sampler", "hires.schedule"))
    flux, sd1 = (FAMILIES.get(name) for name in ("flux", "sd1"))
    values = {sampler: "DDIM", schedule: "Karras"}
    updates, said = fallen_back(flux, form, values)
    assert set(updates) == {sampler} and updates[sampler]["value"] == ""
    assert said == ["Hires sampling method: as in the first pass, for DDIM does not work with FLUX.1."]
    assert fallen_back(sd1, form, values) == ({}, []) and fallen_back(flux, form, {sampler: "", schedule: None}) == ({}, [])


def test_a_depth_map_acts_on_checkpoints_that_draw_after_one_alone(app: DrawnApp) -> None:
    tiny.save_single(app.paths.models / "Stable-diffusion" / "near.safetensors", tiny_xl.second_tensors(tiny_xl.second(channels=5)), "")
    app.library.refresh()
    request = with_values(GenerationRequest(), {"init.image": "sha256:" + "1" * 64, "init.depth": "sha256:" + "0" * 64, "companions": {"net": "0" * 64}})
    assert asked(app, replace(request, model="near")) == replace(request, model="near")
    plain = asked(app, replace(request, model="easel-starter"))
    assert (plain.init.depth, plain.companions, plain.init.image) == ("", {}, request.init.image)
