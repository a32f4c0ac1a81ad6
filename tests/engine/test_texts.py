"""What a request means in words: styles laid over its prompts and lifted out of them again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.core.groups.passes import Hires
from modules.core.request import GenerationRequest
from modules.engine.texts import styled, unstyled
from modules.prompt.styles import Style

KNOWN = {
    "film": Style("film", "film grain", "cartoon"),
    "photo": Style("photo", "photo of {prompt}, sharp"),
    "dark": Style("dark", "", "bright"),
}


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*KNOWN, "gone"]), max_size=3, unique=True),
    st.sampled_from(["a cat", "", " a cat ", "photo of a cat"]),
    st.sampled_from(["", "a dog"]),
    st.sampled_from(["", "a big cat"]),
)
def test_what_is_lifted_out_is_drawn_the_same(names: list[str], prompt: str, negative: str, second: str) -> None:
    request = GenerationRequest(prompt=prompt, negative_prompt=negative, hires=Hires(prompt=second), styles=tuple(names))
    made = styled(request, lambda: KNOWN)
    assert styled(unstyled(made, KNOWN), lambda: KNOWN) == made


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (GenerationRequest(prompt="a cat, film grain", negative_prompt="cartoon"), ("film",)),
        (GenerationRequest(prompt="photo of a cat, sharp", negative_prompt="a dog, bright"), ("photo", "dark")),
        (GenerationRequest(prompt="a cat, film grain", negative_prompt="cartoon", hires=Hires(prompt="a big cat, film grain")), ("film",)),
        (GenerationRequest(prompt="a cat, film grain", negative_prompt="cartoon", hires=Hires(prompt="a big cat")), ()),
        (GenerationRequest(prompt="a cat , film grain", negative_prompt="cartoon"), ()),
        (GenerationRequest(prompt="a cat"), ()),
    ],
)
def test_they_are_lifted_out_only_where_the_same_comes_of_it(request_: GenerationRequest, found: tuple[str, ...]) -> None:
    made = unstyled(request_, KNOWN)
    assert sorted(made.styles) == sorted(found)
    assert (made == request_) == (not found)
    assert styled(made, lambda: KNOWN) == request_ or not found


def test_a_request_that_names_its_styles_keeps_them() -> None:
    request = GenerationRequest(prompt="a cat, film grain", negative_prompt="cartoon", styles=("dark",))
    assert unstyled(request, KNOWN) is request
