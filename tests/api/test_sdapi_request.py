from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from modules.api.sdapi_names import Txt2Img
from modules.api.sdapi_request import Wish, translate
from modules.catalog.card import Card
from modules.core.errors import EaselError, InvalidRequest, NotFound, Unsupported
from modules.core.params import named, value_of
from modules.core.records.samplers import SAMPLERS, SamplerRecord
from modules.core.records.schedules import SCHEDULES, ScheduleRecord
from modules.core.request import GenerationRequest, Guidance, Solver, Spacing, Text, Variation
from modules.infotext.write import infotext


def find(name: str) -> Card:
    if not name.startswith("known"):
        raise NotFound(f"There is no checkpoint {name!r}.", candidates=("known",))
    return Card(path=Path("known.safetensors"), name="known", family="sd1")


def wished(options: dict[str, Any] | None = None, **body: Any) -> Wish:
    return translate(Txt2Img.model_validate(body), options or {}, find)


def of(wish: Wish, name: str) -> Any:
    return value_of(wish.request, named(GenerationRequest, name))


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
        ({"enable_hr": True}, Unsupported, "enable_hr"),
        ({"restore_faces": True}, Unsupported, "restore_faces"),
        ({"styles": ["film"]}, Unsupported, "styles"),
        ({"refiner_checkpoint": "known"}, Unsupported, "refiner_checkpoint"),
        ({"firstpass_image": "abcd"}, Unsupported, "firstpass_image"),
        ({"script_name": "x/y/z plot"}, InvalidRequest, "script_name"),
        ({"alwayson_scripts": {"ADetailer": {"args": [True, {}]}}}, InvalidRequest, "alwayson_scripts"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"enabled": True}]}}}, InvalidRequest, "alwayson_scripts"),
        ({"override_settings": {"sd_vae": "film.vae.pt"}}, Unsupported, "override_settings.sd_vae"),
        ({"override_settings": {"token_merging_ratio": 0.5}}, Unsupported, "override_settings.token_merging_ratio"),
        ({"override_settings": {"samples_format": "jpg"}}, Unsupported, "override_settings.samples_format"),
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


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match="Euler"):
        wished(sampler_name="Oiler")
    with pytest.raises(InvalidRequest, match="Karras"):
        wished(scheduler="Karas")


@pytest.mark.parametrize("arguments", [[], None, {}, [False], [False, False, {"ad_model": "face"}], [{"enabled": False, "model": "depth"}], {"enabled": False}])
def test_scripts_that_are_switched_off_are_passed_over(arguments: object) -> None:
    assert wished(alwayson_scripts={"ControlNet": {"args": arguments}}, script_name="None", script_args=[1, 2]).request.steps == 50


def test_hires_fields_act_only_with_hires() -> None:
    assert wished(enable_hr=False, hr_scale=2, hr_upscaler="Latent", hr_prompt="x", denoising_strength=0, firstphase_width=64).request == wished().request


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


@given(
    st.dictionaries(
        st.sampled_from(sorted(Txt2Img.model_fields)),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2),
    )
)
def test_no_value_raises_anything_but_an_easel_error(body: dict[str, Any]) -> None:
    try:
        parsed = Txt2Img.model_validate(body)
    except ValidationError:
        return
    try:
        translate(parsed, {}, find)
    except EaselError:
        pass
