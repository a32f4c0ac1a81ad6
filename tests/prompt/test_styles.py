from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.core.errors import InvalidRequest
from modules.prompt.styles import Style, applied, lifted

STYLES = {
    "film": Style("film", "film grain", "cartoon"),
    "around": Style("around", "photo of {prompt}, sharp, {prompt}", "no {prompt}"),
    "empty": Style("empty"),
}


@pytest.mark.parametrize(
    ("prompt", "negative", "names", "result"),
    [
        ("a pear", "", (), ("a pear", "")),
        (" a pear ", "", ("film",), ("a pear, film grain", "cartoon")),
        ("", "", ("film",), ("film grain", "cartoon")),
        ("a pear", "grey", ("film", "film"), ("a pear, film grain, film grain", "grey, cartoon, cartoon")),
        (" a pear", "grey", ("around",), ("photo of  a pear, sharp,  a pear", "no grey")),
        ("a pear", "", ("film", "around"), ("photo of a pear, film grain, sharp, a pear, film grain", "no cartoon")),
        (" a pear ", " grey ", ("unknown",), ("a pear", "grey")),
        (" a pear ", " ", ("empty",), ("a pear", "")),
    ],
)
def test_styles_over_prompts(prompt: str, negative: str, names: tuple[str, ...], result: tuple[str, str]) -> None:
    assert applied(prompt, negative, names, STYLES) == result


def test_styles_that_double_a_prompt_are_stopped() -> None:
    with pytest.raises(InvalidRequest, match="styles"):
        applied("a pear", "", ["twice"] * 50, {"twice": Style("twice", "{prompt}{prompt}")})


@pytest.mark.parametrize(
    ("prompt", "negative", "result"),
    [
        ("a pear, film grain", "cartoon", (("film",), "a pear", "")),
        ("a pear, film grain ", "grey, cartoon", (("film",), "a pear", "grey")),
        ("film grain", "cartoon", (("film",), "", "")),
        ("a pear, film grain", "grey", ((), "a pear, film grain", "grey")),
        ("photo of a pear, film grain, sharp", "cartoon", (("film", "frame"), "a pear", "")),
        ("photo of , sharp", "", (("frame",), "", "")),
        ("photo of", "", ((), "photo of", "")),
        ("", "", ((), "", "")),
    ],
)
def test_styles_are_lifted_out_of_prompts(prompt: str, negative: str, result: tuple[tuple[str, ...], str, str]) -> None:
    styles = [Style("empty"), Style("frame", "photo of {prompt}, sharp"), Style("film", "film grain", "cartoon")]
    assert lifted(prompt, negative, styles) == result


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma"]), unique=True), st.text("abc ,", max_size=10).map(str.strip))
def test_lifting_is_the_reverse_of_laying_over(names: list[str], prompt: str) -> None:
    styles = {name: Style(name, f"<{name}>", f"no {name}") for name in ("alpha", "beta", "gamma")}
    texts = applied(prompt, "", names, styles)
    assert lifted(*texts, styles.values()) == (tuple(names), prompt, "")
