from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from modules.api.replies import UnknownScript
from modules.api.sdapi_names import BODIES, Img2Img, Tab, Txt2Img
from modules.api.sdapi_options import checked
from modules.api.sdapi_request import Desk, Wish, translate
from modules.api.sdapi_scripts import ScriptDesk
from modules.catalog.card import Card
from modules.core.errors import EaselError, InvalidRequest, NotFound, Unsupported
from modules.core.groups.editing import Init, Mask
from modules.core.groups.passes import Hires, Refiner
from modules.core.groups.sampling import Guidance, Solver, Spacing, Text, Variation
from modules.core.params import named, value_of
from modules.core.records.samplers import SAMPLERS, SamplerRecord
from modules.core.records.schedules import SCHEDULES, ScheduleRecord
from modules.core.request import GenerationRequest
from modules.infotext.write import infotext


def find(name: str) -> Card:
    if not name.startswith("known"):
        raise NotFound(f"There is no checkpoint {name!r}.", candidates=("known",))
    return Card(path=Path("known.safetensors"), name="known", family="sd1")


def keep(text: str, field: str) -> str:
    """A reference that says which text it stands for."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


DESK = Desk(find, keep, ScriptDesk())
PEAR, MASK = keep("pear", ""), keep("mask", "")


def wished(options: dict[str, Any] | None = None, **body: Any) -> Wish:
    return translate(Txt2Img.model_validate(body), "txt2img", options or {}, DESK)


def changed(options: dict[str, Any] | None = None, **body: Any) -> Wish:
    """An img2img body with a picture."""
    return translate(Img2Img.model_validate({"init_images": ["pear"], **body}), "img2img", options or {}, DESK)


def of(wish: Wish, name: str) -> Any:
    return value_of(wish.request, named(GenerationRequest, name))


@pytest.mark.parametrize("none", [None, "", "None", "none"])
def test_no_refiner(none: str | None) -> None:
    assert wished({"refiner_switch_by_sample_steps": True}, refiner_checkpoint=none, refiner_switch_at=0.5).request.refiner == Refiner()


def test_a_refiner_takes_over_at_once_unless_it_is_said_when() -> None:
    assert wished(refiner_checkpoint="known").request.refiner == Refiner(checkpoint="known", switch_at=0.0)
    changed = {"refiner_switch_by_sample_steps": True, "hires_fix_refiner_pass": "both passes"}
    wanted = Refiner(checkpoint="known", switch_at=0.6, by_steps=True, passes="both passes")
    assert wished(refiner_checkpoint="known", refiner_switch_at=0.6, override_settings=changed).request.refiner == wanted


def test_an_infotext_brings_its_refiner_and_the_body_wins() -> None:
    text = "a cat\nSteps: 20, Sampler: Euler, Size: 64x64, Refiner: known [0123456789], Refiner switch at: 0.7"
    assert wished(infotext=text).request.refiner == Refiner(checkpoint="known", checkpoint_hash="0123456789", switch_at=0.7)
    assert wished(infotext=text, refiner_checkpoint="known two").request.refiner == Refiner(checkpoint="known two", switch_at=0.7)
    assert wished(infotext=text, refiner_checkpoint="None").request.refiner == Refiner()


def test_an_empty_body_is_a1111s_default() -> None:
    assert wished().request == GenerationRequest(sampler="Euler", steps=50, noise_source="GPU")


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"prompt": "a pear"}, "prompt", "a pear"),
        ({"n_iter": 3}, "count", 3),
        ({"subseed": 5, "subseed_strength": 0.3}, "variation.strength", 0.3),
        ({"seed_resize_from_w": 320, "seed_resize_from_h": 192}, "variation.width", 320),
        ({"seed_resize_from_w": -1}, "variation.width", 0),
        ({"sampler_name": "euler A"}, "sampler", "Euler a"),
        ({"sampler_name": "k_dpmpp_2m"}, "sampler", "DPM++ 2M"),
        ({"sampler_index": "DDIM"}, "sampler", "DDIM"),
        ({"sampler_name": "LMS", "sampler_index": "DDIM"}, "sampler", "LMS"),
        ({"sampler_name": "", "sampler_index": "DDIM"}, "sampler", "DDIM"),
        ({"sampler_name": "DPM++ 2M Karras"}, "schedule", "Karras"),
        ({"sampler_name": "DPM++ 2M Karras", "scheduler": "automatic"}, "schedule", "Karras"),
        ({"scheduler": "sgm_uniform"}, "schedule", "SGM Uniform"),
        ({"scheduler": None}, "schedule", "Automatic"),
        ({"tiling": True}, "tiling", True),
        ({"eta": 0.5}, "solver.eta", 0.5),
        ({"s_min_uncond": 2.0}, "guidance.min_sigma", 2.0),
        ({"s_churn": 4}, "solver.churn", 4.0),
        ({"steps": None}, "steps", 50),
        ({"steps": "12"}, "steps", 12),
        ({"override_settings": {"CLIP_stop_at_last_layers": 2}}, "text.clip_skip", 2),
        ({"override_settings": {"emphasis": "No norm"}}, "text.emphasis", "No norm"),
        ({"override_settings": {"randn_source": "NV"}}, "noise_source", "NV"),
        ({"override_settings": {"fp8_storage": "Enable"}}, "storage", "fp8"),
        ({"override_settings": {"fp8_storage": "Enable for SDXL"}}, "storage", "fp8 for SDXL"),
        ({"override_settings": {"fp8_storage": "Disable"}}, "storage", "full"),
        ({"options": {"fp8_storage": "Enable"}}, "storage", "fp8"),
        ({"options": {"fp8_storage": "Enable"}, "override_settings": {"fp8_storage": "Disable"}}, "storage", "full"),
        ({"override_settings": {"batch_cond_uncond": False}}, "guidance.apart", True),
        ({"override_settings": {"batch_cond_uncond": True}}, "guidance.apart", False),
        ({"override_settings": {"eta_noise_seed_delta": 31337}}, "solver.ensd", 31337),
        ({"override_settings": {"sd_noise_schedule": "Zero Terminal SNR"}}, "spacing.noise_schedule", "Zero Terminal SNR"),
        ({"override_settings": {"sd_model_checkpoint": "known.safetensors [0123456789]"}}, "model", "known.safetensors [0123456789]"),
        ({"override_settings": {"sd_model_checkpoint": None}}, "model", ""),
        ({"override_settings": {"eta_ancestral": 0.4}, "sampler_name": "Euler a"}, "solver.eta", 0.4),
        ({"override_settings": {"eta_ancestral": 0.4}, "sampler_name": "DDIM"}, "solver.eta", None),
        ({"override_settings": {"eta_ddim": 1.0}, "sampler_name": "DDIM"}, "solver.eta", 1.0),
        ({"override_settings": {"eta_ddim": 1.0}, "sampler_name": "DDIM", "eta": 0.2}, "solver.eta", 0.2),
        ({"override_settings": {"some_extension_setting": [1, 2]}}, "steps", 50),
    ],
)
def test_one_field(body: dict[str, Any], field: str, value: object) -> None:
    assert of(wished(**body), field) == value


@pytest.mark.parametrize("record", SAMPLERS, ids=lambda record: record.name)
def test_every_sampler_by_each_of_its_names(record: SamplerRecord) -> None:
    for name in (record.name, *record.aliases, record.name.lower(), record.name.upper()):
        assert of(wished(sampler_name=name), "sampler") == record.name


@pytest.mark.parametrize("record", SCHEDULES, ids=lambda record: record.name)
def test_every_schedule_by_each_of_its_names(record: ScheduleRecord) -> None:
    for name in (record.name, record.key, record.name.lower()):
        assert of(wished(scheduler=name), "schedule") == record.name


def test_options_of_the_login_lie_beneath_the_body_and_override_settings_above_the_options() -> None:
    options = {"randn_source": "NV", "CLIP_stop_at_last_layers": 2, "tiling": True, "s_min_uncond": 1.0}
    wish = wished(options, tiling=False, override_settings={"CLIP_stop_at_last_layers": 3})
    assert (of(wish, "noise_source"), of(wish, "text.clip_skip"), of(wish, "tiling"), of(wish, "guidance.min_sigma")) == ("NV", 3, False, 1.0)


def test_an_override_back_to_the_default_wins_over_the_login() -> None:
    assert of(wished({"eta_ancestral": 0.4}, sampler_name="Euler a", override_settings={"eta_ancestral": 1.0}), "solver.eta") is None


@pytest.mark.parametrize("name", ["s_churn", "s_tmin", "s_tmax", "s_noise"])
def test_a_changed_option_wins_over_the_bodys_field(name: str) -> None:
    field = "solver." + name.removeprefix("s_")
    body: dict[str, Any] = {name: 3.0}
    assert of(wished({name: 2.0}, **body), field) == 2.0
    assert of(wished(**body), field) == 3.0


def test_save_send_and_echo() -> None:
    wish = wished(prompt="a pear", save_images=True, send_images=False, cfg_scale=5, unknown=1)
    assert (wish.save, wish.send) == (True, False)
    assert {"prompt": "a pear", "cfg_scale": 5.0, "steps": 50, "hr_scale": 2.0, "styles": None}.items() <= wish.echo.items()
    assert "unknown" not in wish.echo


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        ({"enable_hr": True, "hr_scale": 0.5}, InvalidRequest, "hr_scale"),
        ({"enable_hr": True, "denoising_strength": 2}, InvalidRequest, "denoising_strength"),
        ({"enable_hr": True, "hr_sampler_name": "Oiler"}, InvalidRequest, "hr_sampler_name"),
        ({"enable_hr": True, "hr_scheduler": "Karas"}, InvalidRequest, "hr_scheduler"),
        ({"hr_checkpoint_name": "known"}, Unsupported, "hr_checkpoint_name"),
        ({"n_iter": 1000, "batch_size": 64}, InvalidRequest, "n_iter"),
        ({"refiner_checkpoint": "nowhere"}, NotFound, "refiner_checkpoint"),
        ({"refiner_checkpoint": "known", "refiner_switch_at": 1.5}, InvalidRequest, "refiner_switch_at"),
        ({"firstpass_image": "abcd"}, Unsupported, "firstpass_image"),
        ({"script_name": "seed travel"}, InvalidRequest, "script_name"),
        ({"script_name": "loopback"}, InvalidRequest, "script_name"),
        ({"script_name": "x/y/z plot", "script_args": [0] * 50}, InvalidRequest, "script_args"),
        ({"script_name": "prompt matrix", "script_args": [False, False, "sideways"]}, InvalidRequest, "script_args.prompt"),
        ({"alwayson_scripts": {"ADetailer": {"args": [True, {}]}}}, InvalidRequest, "alwayson_scripts"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"enabled": True}]}}}, InvalidRequest, "alwayson_scripts"),
        ({"override_settings": {"sd_unet": "film"}}, Unsupported, "override_settings.sd_unet"),
        ({"override_settings": {"token_merging_ratio": 1.5}}, InvalidRequest, "override_settings.token_merging_ratio"),
        ({"override_settings": {"samples_format": "bmp"}}, InvalidRequest, "override_settings.samples_format"),
        ({"override_settings": {"grid_background_color": "white"}}, InvalidRequest, "override_settings.grid_background_color"),
        ({"override_settings": {"return_mask": True}}, Unsupported, "override_settings.return_mask"),
        ({"override_settings": {"CLIP_stop_at_last_layers": 0}}, InvalidRequest, "override_settings.CLIP_stop_at_last_layers"),
        ({"override_settings": {"emphasis": "Loud"}}, InvalidRequest, "override_settings.emphasis"),
        ({"override_settings": {"sd_model_checkpoint": "gone"}}, NotFound, "override_settings.sd_model_checkpoint"),
        ({"override_settings": {"sd_model_checkpoint": 3}}, InvalidRequest, "override_settings.sd_model_checkpoint"),
        ({"steps": -5}, InvalidRequest, "steps"),
        ({"width": -64}, InvalidRequest, "width"),
        ({"n_iter": 0}, InvalidRequest, "n_iter"),
        ({"subseed_strength": 2}, InvalidRequest, "subseed_strength"),
        ({"prompt": "a" * 100_000}, InvalidRequest, "prompt"),
        ({"sampler_name": "Oiler"}, InvalidRequest, "sampler_name"),
        ({"scheduler": "Karas"}, InvalidRequest, "scheduler"),
    ],
)
def test_refusals_name_a1111s_field(body: dict[str, Any], kind: type[EaselError], field: str) -> None:
    with pytest.raises(kind) as caught:
        wished(**body)
    assert caught.value.field == field
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("body", [{"script_name": "seed travel"}, {"alwayson_scripts": {"ADetailer": {"args": [True]}}}])
def test_unknown_scripts_have_a_kind_of_their_own(body: dict[str, Any]) -> None:
    with pytest.raises(UnknownScript):
        wished(**body)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match="Euler"):
        wished(sampler_name="Oiler")
    with pytest.raises(InvalidRequest, match="Karras"):
        wished(scheduler="Karas")


@pytest.mark.parametrize("arguments", [[], None, {}, [False], [False, False, {"ad_model": "face"}], [{"enabled": False, "model": "depth"}], {"enabled": False}])
def test_scripts_that_are_switched_off_are_passed_over(arguments: object) -> None:
    assert wished(alwayson_scripts={"ControlNet": {"args": arguments}}, script_name="None", script_args=[1, 2]).request.steps == 50


def test_hires_fields_act_only_with_hires() -> None:
    body: dict[str, Any] = {
        "hr_scale": 0,
        "hr_upscaler": "SwinIR 4x",
        "hr_prompt": "x",
        "denoising_strength": 7,
        "firstphase_width": 64,
        "hr_sampler_name": "?",
    }
    assert wished(enable_hr=False, **body).request == wished().request


FULL = GenerationRequest(
    prompt="a (pear:1.2) [a|b]",
    negative_prompt="blurry",
    sampler="Euler a",
    schedule="Karras",
    steps=20,
    width=320,
    height=256,
    cfg_scale=5.5,
    seed=99,
    noise_source="NV",
    tiling=True,
    variation=Variation(seed=7, strength=0.25, width=512, height=384),
    text=Text(clip_skip=2, emphasis="No norm"),
    solver=Solver(eta=0.5, churn=3.0, noise=1.02, ensd=31337),
    spacing=Spacing(sigma_max=10.0, rho=5.0, discard_penultimate=True),
    guidance=Guidance(min_sigma=1.0, skip_early=0.25),
)


def test_an_infotext_fills_what_is_not_given() -> None:
    text = infotext(FULL, version="v1.10.1", checkpoint="known")
    assert replace(wished(infotext=text).request, model="") == FULL
    given = wished(infotext=text, steps=7, sampler_name="Heun", seed=1, n_iter=2).request
    assert (given.steps, given.sampler, given.seed, given.count, given.prompt) == (7, "Heun", 1, 2, FULL.prompt)


def test_what_an_infotext_does_not_say_stays_a1111s_default() -> None:
    wish = wished(infotext="a pear\nSteps: 20, Sampler: DPM++ 2M, Seed: 5, Version: v1.10.1")
    assert (of(wish, "steps"), of(wish, "sampler"), of(wish, "cfg_scale"), of(wish, "width"), of(wish, "noise_source")) == (20, "DPM++ 2M", 7.0, 512, "GPU")


def test_override_settings_win_over_an_infotext() -> None:
    text = infotext(FULL, version="v1.10.1", checkpoint="known")
    assert of(wished(infotext=text, override_settings={"CLIP_stop_at_last_layers": 4}), "text.clip_skip") == 4


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({}, "hires.enabled", True),
        ({}, "hires.upscaler", "Latent"),
        ({}, "hires.strength", 0.75),
        ({}, "hires.scale", 2.0),
        ({"denoising_strength": 0.4}, "hires.strength", 0.4),
        ({"denoising_strength": 0}, "hires.strength", 0.0),
        ({"hr_upscaler": "lanczos"}, "hires.upscaler", "Lanczos"),
        ({"hr_upscaler": "None"}, "hires.upscaler", "None"),
        ({"hr_upscaler": "Latent (nearest-exact)"}, "hires.upscaler", "Latent (nearest-exact)"),
        ({"hr_scale": 1.5}, "hires.scale", 1.5),
        ({"hr_resize_x": 384, "hr_resize_y": 320}, "hires.width", 384),
        ({"hr_second_pass_steps": 6}, "hires.steps", 6),
        ({"hr_sampler_name": "k_euler_a"}, "hires.sampler", "Euler a"),
        ({"hr_sampler_name": "Use same sampler"}, "hires.sampler", ""),
        ({"hr_sampler_name": "DPM++ 2M Karras"}, "hires.schedule", "Karras"),
        ({"hr_scheduler": "sgm_uniform"}, "hires.schedule", "SGM Uniform"),
        ({"hr_scheduler": "Use same scheduler"}, "hires.schedule", ""),
        ({"hr_checkpoint_name": "Use same checkpoint"}, "hires.enabled", True),
        ({"hr_prompt": "x"}, "hires.prompt", "x"),
        ({"hr_negative_prompt": "y"}, "hires.negative_prompt", "y"),
        ({"firstphase_width": 256, "firstphase_height": 192, "width": 640, "height": 480}, "width", 256),
        ({"firstphase_width": 256, "firstphase_height": 192, "width": 640, "height": 480}, "hires.height", 480),
    ],
)
def test_one_field_of_a_second_pass(body: dict[str, Any], field: str, value: object) -> None:
    assert of(wished(enable_hr=True, **body), field) == value


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({}, "init.image", PEAR),
        ({}, "init.strength", 0.75),
        ({}, "init.resize_mode", "Just resize"),
        ({}, "mask", GenerationRequest().mask),
        ({"denoising_strength": 0.5}, "init.strength", 0.5),
        ({"resize_mode": 1}, "init.resize_mode", "Crop and resize"),
        ({"resize_mode": "2"}, "init.resize_mode", "Resize and fill"),
        ({"resize_mode": "Just resize (latent upscale)"}, "init.resize_mode", "Just resize (latent upscale)"),
        ({"initial_noise_multiplier": 0.8}, "init.noise_multiplier", 0.8),
        ({"override_settings": {"img2img_fix_steps": True}}, "init.fix_steps", True),
        ({"override_settings": {"img2img_extra_noise": 0.1}}, "init.extra_noise", 0.1),
        ({"override_settings": {"img2img_color_correction": True}}, "init.color_correction", True),
        ({"override_settings": {"img2img_background_color": "#102030"}}, "init.background", "#102030"),
        ({"override_settings": {"initial_noise_multiplier": 0.8}}, "init.noise_multiplier", 1.0),
        ({"override_settings": {"overlay_inpaint": False}}, "mask.overlay", False),
    ],
)
def test_one_field_of_a_start_picture(body: dict[str, Any], field: str, value: object) -> None:
    wish = changed(**body)
    assert (wish.request.mask if field == "mask" else of(wish, field)) == value


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({}, "mask.image", MASK),
        ({}, "mask.content", "fill"),
        ({}, "mask.area", "Only masked"),
        ({}, "mask.padding", 0),
        ({"mask_blur": 9}, "mask.blur_x", 9),
        ({"mask_blur": 0, "mask_blur_x": 3}, "mask.blur_x", 0),
        ({"mask_blur_x": 3}, "mask.blur_x", 3),
        ({"mask_blur_x": 3}, "mask.blur_y", 4),
        ({"inpainting_fill": 1}, "mask.content", "original"),
        ({"inpainting_fill": "fill"}, "mask.content", "fill"),
        ({"inpainting_fill": "Latent Noise"}, "mask.content", "latent noise"),
        ({"inpaint_full_res": False}, "mask.area", "Whole picture"),
        ({"inpaint_full_res": 0}, "mask.area", "Whole picture"),
        ({"inpaint_full_res_padding": 32}, "mask.padding", 32),
        ({"inpainting_mask_invert": True}, "mask.invert", True),
        ({"inpainting_mask_invert": 1}, "mask.invert", True),
        ({"inpainting_mask_invert": 0}, "mask.invert", False),
        ({"mask_round": False}, "mask.round", False),
        ({"latent_mask": "pear"}, "mask.latent", PEAR),
        ({"alwayson_scripts": {"Soft Inpainting": {"args": [True, 2, 0.5, 4, 0, 0.5, 3]}}}, "mask.soft.difference_contrast", 3.0),
        ({"alwayson_scripts": {"soft inpainting": {"args": [True]}}}, "mask.soft.enabled", True),
        ({"alwayson_scripts": {"soft inpainting": {"args": [False, 2, 0.5, 4, 0, 0.5, 3]}}}, "mask.soft.bias", 1.0),
    ],
)
def test_one_field_of_a_mask(body: dict[str, Any], field: str, value: object) -> None:
    assert of(changed(mask="mask", **body), field) == value


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        ({"init_images": []}, NotFound, "init_images"),
        ({"init_images": None}, NotFound, "init_images"),
        ({"init_images": ["a", "b"]}, InvalidRequest, "init_images"),
        ({"resize_mode": 4}, InvalidRequest, "resize_mode"),
        ({"resize_mode": -1}, InvalidRequest, "resize_mode"),
        ({"resize_mode": "stretch"}, InvalidRequest, "resize_mode"),
        ({"mask": "m", "inpainting_fill": 4}, InvalidRequest, "inpainting_fill"),
        ({"mask": "m", "inpainting_mask_invert": 2}, InvalidRequest, "inpainting_mask_invert"),
        ({"mask": "m", "mask_blur": -1}, InvalidRequest, "mask_blur_x"),
        ({"denoising_strength": 1.5}, InvalidRequest, "denoising_strength"),
        ({"script_name": "hires"}, InvalidRequest, "script_name"),
        ({"alwayson_scripts": {"soft inpainting": {"args": [True, 99]}}}, InvalidRequest, "mask.soft.bias"),
        ({"alwayson_scripts": {"soft inpainting": {"args": {"enabled": True}}}}, InvalidRequest, "alwayson_scripts"),
        ({"override_settings": {"img2img_background_color": "whiteish"}}, InvalidRequest, "override_settings.img2img_background_color"),
    ],
)
def test_refusals_of_img2img_name_a1111s_field(body: dict[str, Any], kind: type[EaselError], field: str) -> None:
    with pytest.raises(kind) as caught:
        changed(**body)
    assert caught.value.field == field


def test_a_refused_body_leaves_no_picture_behind() -> None:
    kept: list[str] = []

    def keeping(text: str, field: str) -> str:
        kept.append(field)
        return PEAR

    desk = replace(DESK, keep=keeping)
    with pytest.raises(InvalidRequest):
        translate(Img2Img(init_images=["pear"], mask="mask", steps=-1), "img2img", {}, desk)
    assert kept == []
    translate(Img2Img(init_images=["pear"], mask="mask"), "img2img", {}, desk)
    assert kept == ["init_images", "mask"]


def test_options_of_the_login_reach_the_tab_that_they_belong_to() -> None:
    options = {"img2img_fix_steps": True, "initial_noise_multiplier": 0.7, "img2img_extra_noise": 0.2}
    assert (of(changed(options), "init.fix_steps"), of(changed(options), "init.noise_multiplier")) == (True, 0.7)
    assert wished(options).request == replace(wished().request, init=replace(wished().request.init, extra_noise=0.2))


def test_pictures_are_echoed_only_where_they_are_asked_for() -> None:
    assert {"init_images": None, "mask": None, "latent_mask": None}.items() <= changed(mask="mask").echo.items()
    assert {"init_images": ["pear"], "mask": "mask"}.items() <= changed(mask="mask", include_init_images=True).echo.items()


def test_scripts_are_named_whatever_their_case() -> None:
    wish = changed(script_name="SD Upscale", script_args=["", 8, "lanczos", 2.0])
    assert (wish.request.script.name, wish.request.script.args) == ("SD upscale", {"overlap": 8, "upscaler": "Lanczos", "scale": 2.0})
    assert wished(script_name="prompt matrix").request.script.name == "Prompt matrix"


def test_a_script_takes_what_a_mask_would_have() -> None:
    assert of(changed(script_name="Poor man's outpainting", inpainting_fill=2), "mask.content") == "latent noise"


def test_faces_are_restored_as_the_body_or_else_the_options_say() -> None:
    for wish in (wished(restore_faces=True), wished({"face_restoration": True}), wished(override_settings={"face_restoration": True})):
        assert (of(wish, "faces.restore"), of(wish, "faces.restorer"), of(wish, "faces.weight")) == (True, "CodeFormer", 0.5)
    assert not of(wished({"face_restoration": True}, restore_faces=False), "faces.restore")
    bent = wished({"face_restoration_model": "GFPGAN"}, restore_faces=True, override_settings={"code_former_weight": 0.25})
    assert (of(bent, "faces.restorer"), of(bent, "faces.weight")) == ("GFPGAN", 0.25)
    with pytest.raises(InvalidRequest, match="face_restoration_model"):
        wished({"face_restoration_model": "RestoreFormer"}, restore_faces=True)


def test_faces_stay_as_they_are_where_their_files_are_not_here() -> None:
    body = BODIES["txt2img"].model_validate({"restore_faces": True})
    wish = translate(body, "txt2img", {}, replace(DESK, faces=lambda faces: "models/Codeformer/codeformer.pth" if faces.restore else ""))
    assert wish.notes == ("Faces were not restored: that needs models/Codeformer/codeformer.pth.",)
    assert not of(wish, "faces.restore") and wished(restore_faces=True).notes == ()


def test_churn_of_the_body_is_not_named_and_that_of_the_options_is() -> None:
    assert not of(wished(s_churn=2.0), "solver.named")
    assert of(wished(s_churn=0, s_noise=1, s_tmax=0, s_tmin=0), "solver.named")
    assert of(wished({"s_churn": 2.0}, s_churn=1.0, s_noise=1), "solver.named")
    assert of(wished(override_settings={"s_churn": 2.0}), "solver.named")
    assert "Sigma churn" not in infotext(wished(s_churn=2.0).request, version="x")
    assert "Sigma churn: 2.0" in infotext(wished(override_settings={"s_churn": 2.0}).request, version="x")


def test_answers_are_shaped_by_options_beneath_overrides() -> None:
    wish = wished({"samples_format": "webp", "return_grid": False}, override_settings={"samples_format": "jpg"}, save_images=True)
    assert wish.saving == {"samples_format": "jpg", "return_grid": False}
    wish = wished(save_images=True, do_not_save_grid=True)
    assert (wish.save, wish.saving) == (True, {"grid_save": False, "return_grid": False})
    wish = wished(save_images=True, do_not_save_samples=True)
    assert (wish.save, wish.saving) == (True, {"samples_save": False, "return_grid": True})
    assert not wished(save_images=True, do_not_save_samples=True, do_not_save_grid=True).save


def test_an_infotext_of_a_second_pass() -> None:
    full = replace(FULL, hires=Hires(enabled=True, scale=1.5, upscaler="Lanczos", steps=6, strength=0.5, sampler="Euler", schedule="Simple", prompt="b"))
    text = infotext(full, version="v1.10.1", checkpoint="known")
    assert replace(wished(infotext=text).request, model="") == full
    assert wished(infotext=text, enable_hr=False).request.hires == Hires()
    assert of(wished(infotext=text, denoising_strength=0.1), "hires.strength") == 0.1
    assert of(changed(infotext=text), "init.strength") == 0.5
    assert changed(infotext=text).request.hires == Hires()


def test_an_infotext_of_img2img() -> None:
    full = replace(
        FULL, init=Init(image=PEAR, strength=0.3, noise_multiplier=0.9), mask=Mask(image=MASK, blur_x=7, blur_y=7, content="latent noise", invert=True)
    )
    text = infotext(full, version="v1.10.1", checkpoint="known")
    wish = changed(infotext=text, mask="mask")
    assert (of(wish, "init.strength"), of(wish, "init.noise_multiplier"), of(wish, "mask.blur_y")) == (0.3, 0.9, 7)
    assert (of(wish, "mask.content"), of(wish, "mask.invert")) == ("latent noise", True)
    assert wished(infotext=text).request.init == Init()
    assert of(changed(infotext=text, denoising_strength=0.6), "init.strength") == 0.6


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers() | st.text(max_size=3), max_size=2)


@pytest.mark.parametrize("tab", BODIES)
@settings(deadline=None)
@given(st.data())
def test_no_value_raises_anything_but_an_easel_error(tab: Tab, data: st.DataObject) -> None:
    body = data.draw(st.dictionaries(st.sampled_from(sorted(BODIES[tab].model_fields)), VALUES))
    try:
        parsed = BODIES[tab].model_validate(body)
    except ValidationError:
        return
    try:
        translate(parsed, tab, {}, DESK)
    except EaselError as error:
        assert error.field in {*BODIES[tab].model_fields, "script_args"} or "." in error.field


def test_an_option_with_words_of_its_own_keeps_them() -> None:
    assert checked({"fp8_storage": "Enable for SDXL", "batch_cond_uncond": False}, find) == {"fp8_storage": "Enable for SDXL", "batch_cond_uncond": False}
    for wrong in ("yes", "fp8", True, 3, ["Enable"]):
        with pytest.raises(InvalidRequest, match="Disable"):
            checked({"fp8_storage": wrong}, find)
