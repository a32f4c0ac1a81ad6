from __future__ import annotations

import pytest

from modules.api.sdapi_names import OPTIONS, TXT2IMG, Option, Txt2Img, asks_nothing, foreign_name
from modules.core.params import named, value_of, walk, with_values
from modules.core.request import GenerationRequest

NOT_A1111S = {"model_hash", "batched", "precision", "embeddings"}
"""Fields that A1111's clients have no word for."""


def test_every_field_of_the_request_has_a_name_or_a_reason() -> None:
    reached = {name.field for name in TXT2IMG} | {option.field for option in OPTIONS}
    assert reached - {""} | NOT_A1111S == {field.name for field in walk(GenerationRequest)}


def test_names_are_unique() -> None:
    assert len({name.name for name in TXT2IMG}) == len(TXT2IMG)
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.field and option.default is not None], ids=lambda option: option.name)
def test_default_of_an_option_is_usable(option: Option) -> None:
    request = with_values(GenerationRequest(), {option.field: option.default})
    assert value_of(request, named(GenerationRequest, option.field)) == option.default


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.refused], ids=lambda option: option.name)
def test_default_of_a_refused_option_asks_for_nothing(option: Option) -> None:
    assert asks_nothing(option.default, option.neutral)


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
    assert next(option.default for option in OPTIONS if option.name == "randn_source") == "GPU"


def test_null_and_unknown_fields_are_taken() -> None:
    body = Txt2Img.model_validate({name.name: None for name in TXT2IMG} | {"url": "http://elsewhere", "auth": "a:b"})
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
    ("field", "name"),
    [("count", "n_iter"), ("variation.width", "seed_resize_from_w"), ("text.clip_skip", "CLIP_stop_at_last_layers"), ("precision", "precision")],
)
def test_foreign_name(field: str, name: str) -> None:
    assert foreign_name(field) == name
