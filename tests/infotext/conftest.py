"""Requests and small picture files for the tests of `infotext`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from PIL import Image

from modules.core.params import Field, literal_names, walk, with_values
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.request import SEED_LIMIT, GenerationRequest

SCRAPS = (
    "a cat", "(a:1.2)", "[b]", "[c:d:0.5]", "Negative prompt: x", "Negative prompt:", "Steps: 1, Sampler: Euler, Seed: 3, Size: 4x5", '"', "\\", "\n", "\r\n",
    " ", "\t", "\x0b", "\u2028", "\u0085", ",", ":", "#1", "AND", "<lora:x:0.5>", 'Exact prompt: "y"', "Version: v1.5.1", "日本語", "\U0001f600", "\x00", "512x512",
)  # fmt: skip


def prompts() -> st.SearchStrategy[str]:
    """Any text, and texts built of what is grammar to some reader."""
    return st.one_of(
        st.text(max_size=60), st.lists(st.sampled_from(SCRAPS), max_size=12).map("".join), st.lists(st.sampled_from(SCRAPS), max_size=6).map("\n".join)
    )


def values(field: Field) -> st.SearchStrategy[Any]:
    """Every value that a parameter may have, inside its limits."""
    low, high = field.param.minimum, field.param.maximum
    if field.name == "sampler":
        return st.sampled_from(SAMPLERS.names())
    if field.name == "schedule":
        return st.sampled_from(SCHEDULES.names())
    if field.name == "model":
        return st.from_regex(r"[A-Za-z0-9_\-.]{0,3}[\w ,:()'\"+-]{0,20}\w{2}", fullmatch=True)
    if field.name == "model_hash":
        return st.from_regex(r"([0-9a-f]{64})?", fullmatch=True)
    if field.name == "embeddings":
        return st.dictionaries(st.from_regex(r"[a-z][a-z0-9 _-]{0,8}[a-z]", fullmatch=True), st.from_regex(r"[0-9a-f]{64}", fullmatch=True), max_size=3)
    if names := literal_names(field.type):
        return st.sampled_from(names)
    if field.type is bool:
        return st.booleans()
    if field.type is str:
        return prompts()
    if field.type is int:
        return st.integers(int(low if low is not None else -SEED_LIMIT), int(high if high is not None else SEED_LIMIT))
    numbers = st.floats(low, high, allow_nan=False)
    return st.one_of(st.just(field.default), numbers)


def requests() -> st.SearchStrategy[GenerationRequest]:
    """Any request, most of it at its defaults."""
    fields = {field.name: field for field in walk(GenerationRequest)}
    changed = st.sets(st.sampled_from(sorted(fields)), max_size=8).flatmap(
        lambda names: st.fixed_dictionaries({name: values(fields[name]) for name in sorted(names)})
    )
    return changed.map(lambda chosen: with_values(GenerationRequest(seed=1), chosen))


@pytest.fixture
def image() -> Callable[..., Image.Image]:
    """A small picture with some colour in it."""

    def make(width: int = 70, height: int = 66, mode: str = "RGB") -> Image.Image:
        picture = Image.linear_gradient("L").resize((width, height))
        return Image.merge("RGB", (picture, picture.rotate(90), picture.rotate(180))).convert(mode)

    return make
