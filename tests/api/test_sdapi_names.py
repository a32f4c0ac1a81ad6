from __future__ import annotations

import pytest

from modules.api.sdapi_names import IMG2IMG, NAMES, TXT2IMG, Img2Img, Tab, Txt2Img, asks_nothing, foreign_name
from modules.api.sdapi_scripts import SOFT_ARGUMENTS
from modules.core.params import named, value_of, walk, with_values
from modules.core.records.options import OPTIONS, Option
from modules.core.request import GenerationRequest

NOT_A1111S = {
    "model_hash",
    "vae_hash",
    "vae_full",
    "vae_tiled",
    "batched",
    "precision",
    "text_precision",
    "embeddings",
    "loras",
    "companions",
    "extensions",
    "as_is",
    "solver.named",
    "spacing.sigmas",
    "spacing.shift",
    "guidance.distilled",
    "guidance.interval_high",
    "guidance.interval_low",
    "shortcuts.deep_steps",
    "shortcuts.first_block",
    "refiner.checkpoint_hash",
    "refiner.vae",
    "refiner.vae_hash",
    "enlarging.full",
    "enlarging.networks",
    "faces.networks",
    "init.batch",
    "init.color_from",
    "init.depth",
}
NOT_A1111S |= {field.name for field in walk(GenerationRequest) if field.path[0] == "outpaint"}
"""Fields that A1111's clients have no word for."""
OF_SCRIPTS = {"control", "script.name", "script.args", *(f"mask.soft.{name}" for name in SOFT_ARGUMENTS)}
"""Fields that `script_name`, `script_args` and `alwayson_scripts` reach."""


def test_every_field_of_the_request_has_a_name_or_a_reason() -> None:
    reached = {name.field for name in (*TXT2IMG, *IMG2IMG)} | {option.field for option in OPTIONS} | OF_SCRIPTS
    assert reached - {""} | NOT_A1111S == {field.name for field in walk(GenerationRequest)}


def test_names_are_unique() -> None:
    for names in ([name.name for name in TXT2IMG], [name.name for name in IMG2IMG], [option.name for option in OPTIONS]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.field and option.default is not None], ids=lambda option: option.name)
def test_default_of_an_option_is_usable(option: Option) -> None:
    request = with_values(GenerationRequest(), {option.field: option.meant(option.default)})
    assert value_of(request, named(GenerationRequest, option.field)) == option.meant(option.default)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.words], ids=lambda option: option.name)
def test_every_word_of_an_option_is_a_value_of_its_field(option: Option) -> None:
    start = value_of(GenerationRequest(), named(GenerationRequest, option.field))
    assert option.meant(option.default) == start and set(option.choices) == set(option.words)
    for kept in option.words.values():
        with_values(GenerationRequest(), {option.field: kept})


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.refused], ids=lambda option: option.name)
def test_default_of_an_option_that_is_not_built_asks_for_nothing(option: Option) -> None:
    assert asks_nothing(option.default, option.neutral)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.choices], ids=lambda option: option.name)
def test_default_of_an_option_is_one_of_its_choices(option: Option) -> None:
    assert option.default in option.choices


@pytest.mark.parametrize("tab", NAMES)
def test_defaults_of_names_that_are_not_built_ask_for_nothing(tab: Tab) -> None:
    assert all(asks_nothing(name.default) for name in NAMES[tab] if name.refused)


@pytest.mark.parametrize("tab", NAMES)
def test_every_default_is_usable(tab: Tab) -> None:
    for name in NAMES[tab]:
        if name.field and name.default is not None and not name.choices and name.default not in name.off:
            with_values(GenerationRequest(), {name.field: name.default})
    assert all(isinstance(name.default, int) and 0 <= name.default < len(name.choices) for name in NAMES[tab] if name.choices)


def test_defaults_are_a1111s() -> None:
    body = Txt2Img().model_dump()
    told = {
        "steps": 50,
        "cfg_scale": 7.0,
        "width": 512,
        "height": 512,
        "seed": -1,
        "sampler_index": "Euler",
        "sampler_name": None,
        "save_images": False,
        "send_images": True,
    }
    assert body | told == body
    assert {
        "denoising_strength": 0.75,
        "inpainting_fill": 0,
        "inpaint_full_res": True,
        "mask_blur_x": 4,
        "resize_mode": 0,
    }.items() <= Img2Img().model_dump().items()
    assert next(option.default for option in OPTIONS if option.name == "randn_source") == "GPU"


def test_null_and_unknown_fields_are_taken() -> None:
    for kind, names in ((Txt2Img, TXT2IMG), (Img2Img, IMG2IMG)):
        body = kind.model_validate({name.name: None for name in names} | {"url": "http://elsewhere", "auth": "a:b"})
        assert not hasattr(body, "auth")


@pytest.mark.parametrize(
    ("value", "nothing"),
    [(None, True), (False, True), (0.0, True), ("", True), ("None", True), ([], True), (True, False), (1, False), ("x", False), (["x"], False)],
)
def test_asks_nothing(value: object, nothing: bool) -> None:
    assert asks_nothing(value) is nothing


def test_neutral_values_replace_the_general_ones() -> None:
    assert asks_nothing("png", ("png",))
    assert not asks_nothing(False, (True,))
    assert not asks_nothing(True, (1,))


@pytest.mark.parametrize(
    ("field", "tab", "name"),
    [
        ("count", "txt2img", "n_iter"),
        ("variation.width", "txt2img", "seed_resize_from_w"),
        ("text.clip_skip", "txt2img", "CLIP_stop_at_last_layers"),
        ("precision", "txt2img", "precision"),
        ("hires.strength", "txt2img", "denoising_strength"),
        ("init.strength", "img2img", "denoising_strength"),
        ("mask.padding", "img2img", "inpaint_full_res_padding"),
        ("init.fix_steps", "img2img", "img2img_fix_steps"),
    ],
)
def test_foreign_name(field: str, tab: Tab, name: str) -> None:
    assert foreign_name(field, tab) == name
