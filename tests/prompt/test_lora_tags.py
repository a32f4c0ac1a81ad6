"""The marks of LoRAs in a prompt: A1111's forms, as a table; and that nothing typed does harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.prompt.grammar import networks
from modules.prompt.lora_tags import LoraTag, lora_tags

FORMS = {
    "<lora:a>": LoraTag("a", 1, 1, 0),
    "<lora:a:0.5>": LoraTag("a", 0.5, 0.5, 0),
    "<lora:a:0.5:0.8>": LoraTag("a", 0.5, 0.8, 0),
    "<lora:a:0.5:0.8:4>": LoraTag("a", 0.5, 0.8, 4),
    "<lora:a:te=0.5>": LoraTag("a", 0.5, 0.5, 0),
    "<lora:a:unet=0.8>": LoraTag("a", 1, 0.8, 0),
    "<lora:a:te=0.5:unet=0.8:dyn=4>": LoraTag("a", 0.5, 0.8, 4),
    "<lora:a:1:unet=0>": LoraTag("a", 1, 0, 0),
    "<lora:a:-0.5>": LoraTag("a", -0.5, -0.5, 0),
    "<lyco:a.b (v2):2>": LoraTag("a.b (v2)", 2, 2, 0),
    "<LoRA: a :1>": LoraTag("a", 1, 1, 0),
    "<lora:a:>": LoraTag("a", 1, 1, 0),
}


@pytest.mark.parametrize(("text", "wanted"), FORMS.items())
def test_every_form(text: str, wanted: LoraTag) -> None:
    assert lora_tags(f"a cat {text}, a dog") == [wanted]


def test_several_stand_in_order_and_other_marks_are_none() -> None:
    text = "<lora:b:0.1> x <hypernet:h:1> <lora:a:0.2> <lora:b:0.3> <lora:unclosed"
    assert lora_tags(text) == [LoraTag("b", 0.1, 0.1), LoraTag("a", 0.2, 0.2), LoraTag("b", 0.3, 0.3)]


@pytest.mark.parametrize("text", ["<lora:a:much>", "<lora:a:nan>", "<lora:a:inf>", "<lora:a:1:1:0.5>", "<lora:a:dyn=-1>", "<lora:a:1e9>", "<lora:a:te=x>"])
def test_a_weight_that_is_none_is_said(text: str) -> None:
    with pytest.raises(InvalidRequest, match="<lora:a> has the weight"):
        lora_tags(text)


@given(st.text(alphabet="<>:=.-1a lorate", max_size=60))
def test_any_text_gives_tags_or_an_error_of_ours(text: str) -> None:
    try:
        assert len(lora_tags(text)) <= len(networks(text)[1])
    except InvalidRequest:
        pass
