"""Requests and small picture files for the tests of `infotext`."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from PIL import Image

from modules.core.levels import HIGHEST, LOWEST, Levels
from modules.core.limits import SEED_LIMIT
from modules.core.params import Field, literal_names, rows_of, walk, with_values
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest
from modules.infotext.own import REFERENCES

SCRAPS = (
    "a cat", "(a:1.2)", "[b]", "[c:d:0.5]", "Negative prompt: x", "Negative prompt:", "Steps: 1, Sampler: Euler, Seed: 3, Size: 4x5", '"', "\\", "\n", "\r\n",
    " ", "\t", "\x0b", "\u2028", "\u0085", ",", ":", "#1", "AND", "<lora:x:0.5>", 'Exact prompt: "y"', "Version: v1.5.1", "日本語", "\U0001f600", "\x00", "512x512",
)  # fmt: skip

REFERENCE = "sha256:" + "0123456789abcdef" * 4
"""Of a picture, as requests name it."""


def prompts() -> st.SearchStrategy[str]:
    """Any text, and texts built of what is grammar to some reader."""
    return st.one_of(
        st.text(max_size=60), st.lists(st.sampled_from(SCRAPS), max_size=12).map("".join), st.lists(st.sampled_from(SCRAPS), max_size=6).map("\n".join)
    )


def arguments() -> st.SearchStrategy[Any]:
    """What a script's argument may be: any JSON."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6)


def values(field: Field) -> st.SearchStrategy[Any]:
    """Every value that a parameter may have, inside its limits."""
    low, high = field.param.minimum, field.param.maximum
    if field.name in ("sampler", "hires.sampler"):
        return st.sampled_from([*SAMPLERS.names(), field.default])
    if field.name in ("schedule", "hires.schedule"):
        return st.sampled_from([*SCHEDULES.names(), field.default])
    if field.name in REFERENCES:
        return st.sampled_from(["", REFERENCE])
    if field.name == "init.background":
        return st.sampled_from(["#ffffff", "#000", "black"])
    if field.name == "script.args":
        return st.dictionaries(st.text(max_size=8), arguments(), max_size=3)
    if field.type == Levels:
        return st.sets(st.floats(LOWEST, HIGHEST), max_size=5).map(lambda found: tuple(sorted(found, reverse=True)))
    if field.name == "extensions":
        return st.dictionaries(st.text(max_size=8), st.dictionaries(st.text(max_size=8), arguments(), max_size=2), max_size=2)
    if row := rows_of(field.type):
        inner = {one.name: values(one) for one in walk(row)}
        inner |= {name: st.sampled_from(["", REFERENCE]) for name in ("image", "mask")}
        inner |= {name: st.text(max_size=20) for name in ("encoder", "annotator")}
        inner |= {name: st.from_regex(r"([0-9a-f]{64})?", fullmatch=True) for name in ("encoder_hash", "annotator_hash")}
        model = st.from_regex(r"[a-z][a-zA-Z0-9 .,()_-]{0,12}\w", fullmatch=True)
        return st.lists(st.fixed_dictionaries({"model": model}, optional={name: inner[name] for name in inner if name != "model"}), max_size=2)
    if typing.get_origin(field.type) is tuple:
        return st.lists(st.text(max_size=8), max_size=3).map(tuple)
    if field.name in ("model", "refiner.checkpoint", "vae", "refiner.vae"):
        return st.from_regex(r"[A-Za-z0-9_\-.]{0,3}[\w ,:()'\"+-]{0,20}\w{2}", fullmatch=True)
    if field.name.endswith("_hash"):
        return st.from_regex(r"([0-9a-f]{64})?", fullmatch=True)
    if field.name in ("embeddings", "loras", "companions", "enlarging.networks", "faces.networks"):
        return st.dictionaries(st.from_regex(r"[a-z][a-z0-9 _-]{0,8}[a-z]", fullmatch=True), st.from_regex(r"[0-9a-f]{64}", fullmatch=True), max_size=3)
    if names := literal_names(field.type) or field.param.names():
        return st.sampled_from(names)
    if field.type is bool:
        return st.booleans()
    if field.type is str and field.param.max_length == 80:
        return st.text(max_size=20)
    if field.type is str:
        return prompts()
    if field.type is int:
        return st.integers(int(low if low is not None else -SEED_LIMIT), int(high if high is not None else SEED_LIMIT))
    numbers = st.floats(low, high, allow_nan=False)
    return st.one_of(st.just(field.default), numbers)


KINDS: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({}, ("",)),
    ({"hires.enabled": True}, ("", "hires.", "solver.")),
    ({"refiner.checkpoint": "fine 2", "hires.enabled": True}, ("", "refiner.")),
    ({"init.image": REFERENCE}, ("", "init.")),
    ({"init.image": REFERENCE, "outpaint.left": 64}, ("", "outpaint.", "init.")),
    ({"init.image": REFERENCE, "mask.image": REFERENCE}, ("mask.", "init.")),
    ({"init.image": REFERENCE, "mask.image": REFERENCE, "mask.soft.enabled": True}, ("", "mask.soft.")),
)
"""Kinds of pictures: what makes a request one of them, and which groups of parameters act then."""


def requests() -> st.SearchStrategy[GenerationRequest]:
    """Any request, most of it at its defaults; of every kind of picture."""
    fields = {field.name: field for field in walk(GenerationRequest)}

    def some(groups: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
        group = st.sampled_from(groups).flatmap(lambda start: st.sampled_from(sorted(name for name in fields if name.startswith(start))))
        return st.sets(group, max_size=8).flatmap(lambda names: st.fixed_dictionaries({name: values(fields[name]) for name in sorted(names)}))

    chosen = st.sampled_from(KINDS).flatmap(lambda kind: some(kind[1]).map(lambda changed: kind[0] | changed))
    return chosen.map(lambda changed: with_values(GenerationRequest(seed=1), changed))


@pytest.fixture
def image() -> Callable[..., Image.Image]:
    """A small picture with some colour in it."""

    def make(width: int = 70, height: int = 66, mode: str = "RGB") -> Image.Image:
        picture = Image.linear_gradient("L").resize((width, height))
        return Image.merge("RGB", (picture, picture.rotate(90), picture.rotate(180))).convert(mode)

    return make
