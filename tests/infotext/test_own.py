"""Easel's own JSON: lossless, and harmless when someone else wrote it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.core.groups.passes import Script
from modules.core.params import to_dict, with_values
from modules.core.request import RECORD_LIMIT, GenerationRequest
from modules.infotext import files, own
from modules.infotext.read import read, read_text
from modules.infotext.write import infotext
from tests.infotext.conftest import REFERENCE, requests


def document(request: GenerationRequest, **changes: Any) -> dict[str, Any]:
    return {"easel": "0.1", "request": to_dict(request) | changes, "facts": {"torch": "2.13", "device": "cpu"}, "index": 0}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests(), st.sampled_from(get_args(files.Format)))
def test_a_request_comes_back_whole_from_every_format(image: Callable[..., Image.Image], request: GenerationRequest, format: files.Format) -> None:
    found = files.read(files.encode(image(), infotext(request, version="Easel 0.1"), document(request), format))
    reading = read(found)
    assert reading.request == request
    assert reading.source == "Easel"
    assert reading.facts == {"Easel": "0.1", "torch": "2.13", "device": "cpu"}
    assert not [row for row in reading.rows if row.state != "restored"]


def test_the_record_wins_over_the_text(image: Callable[..., Image.Image]) -> None:
    request = GenerationRequest(prompt="record", seed=1)
    assert read(files.read(files.encode(image(), "text\nSteps: 9, Sampler: Heun, Seed: 2", document(request)))).request == request


def test_without_the_record_the_text_serves(image: Callable[..., Image.Image]) -> None:
    reading = read(files.read(files.encode(image(), "text\nSteps: 9, Sampler: Heun, Seed: 2", {"easel": "9"})))
    assert (reading.request.prompt, reading.request.steps, reading.request.seed) == ("text", 9, 2)


def test_pasted() -> None:
    request = GenerationRequest(prompt="a", seed=3, tiling=True)
    assert read_text(json.dumps(document(request), indent=2)).request == request


@pytest.mark.parametrize(
    "changes, expected, row",
    [
        ({"steps": 9999}, {"steps": 1000}, "Sampling steps"),
        ({"steps": "many"}, {"steps": 20}, "Sampling steps"),
        ({"cfg_scale": float("nan")}, {"cfg_scale": 7.0}, "CFG Scale"),
        ({"noise_source": "moon"}, {"noise_source": "CPU"}, "Noise source"),
        ({"future": 1}, {}, "future"),
        ({"script": "rm"}, {}, "script"),
        ({"text": {"clip_skip": 2, "later": 1}}, {}, "text.later"),
        ({"variation": 5}, {}, "variation"),
        ({"prompt": None}, {"prompt": ""}, ""),
        ({"prompt": "x" * 30_000}, {"prompt": "x" * 20_000}, "Prompt"),
    ],
)
def test_what_does_not_fit_is_taken_value_by_value(changes: dict[str, Any], expected: dict[str, Any], row: str) -> None:
    reading = own.read(document(GenerationRequest(seed=5, tiling=True), **changes))
    assert reading.request.tiling and reading.request.seed == 5
    assert reading.notes
    for name, value in expected.items():
        assert getattr(reading.request, name) == value
    assert not row or [entry for entry in reading.rows if entry.key == row and entry.state != "restored"]


@pytest.mark.parametrize(
    "name, kept",
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\models\\a.ckpt", "a.ckpt"),
        ("/a/b.safetensors", "b.safetensors"),
        ("..", ""),
        ("a b.safetensors", "a b.safetensors"),
        ("\\\\host\\share\\x", "x"),
    ],
)
def test_only_names_of_models_are_taken(name: str, kept: str) -> None:
    reading = own.read(document(GenerationRequest(seed=1), model=name, embeddings={f"x/{name}": "ab" * 32}, model_hash="../x"))
    assert reading.request.model == kept
    assert reading.request.model_hash == ""
    assert all("/" not in key and "\\" not in key for key in reading.request.embeddings)


@pytest.mark.parametrize("name", ["init.image", "mask.image", "mask.latent"])
def test_pictures_are_named_by_their_content(name: str) -> None:
    """The references are kept, for the machine where the pictures lie; nothing else gets in their place."""
    group, last = name.split(".")
    whole = with_values(GenerationRequest(seed=1), {name: REFERENCE})
    assert own.read(document(whole)).request == whole
    for other in ("/etc/passwd", "sha256:../../x", REFERENCE.upper(), f"{REFERENCE}/..", "C:\\x.png", 5, ["x"]):
        reading = own.read(document(GenerationRequest(seed=1), **{group: {last: other}}))
        assert reading.request == GenerationRequest(seed=1)
        assert [row.note for row in reading.rows if row.key == name and row.state == "not restored"]


def test_a_script_comes_back_from_the_record_only() -> None:
    script: dict[str, Any] = {"name": "X/Y/Z plot", "args": {"x_type": "Steps", "x_values": "4,6", "margins": [1, 2.5, None, {"a": True}]}}
    reading = own.read(document(GenerationRequest(seed=1), script=script, styles=["a", "b"]))
    assert (reading.request.script, reading.request.styles) == (Script(**script), ("a", "b"))
    assert read_text("x\nSteps: 5, Sampler: Euler, Seed: 1, Script: X/Y/Z plot, X Type: Steps, X Values: 4").request.script == Script()
    assert read_text(json.dumps({"app_version": "4", "positive_prompt": "x", "scheduler": "euler", "script": script})).request.script == Script()


@pytest.mark.parametrize("args", ["rm", [1], {"a": float("nan")}, {"a": "\ud800"}, {"\udfff": 1}, {"a": [{"b": float("inf")}]}])
def test_arguments_that_are_no_plain_json_are_left_out(args: Any) -> None:
    reading = own.read(document(GenerationRequest(seed=1, tiling=True), script={"name": "x", "args": args}))
    assert (reading.request.script.args, reading.request.tiling) == ({}, True)
    assert [row for row in reading.rows if row.key == "script.args" and row.state == "not restored"]


def test_arguments_without_end() -> None:
    args: dict[str, Any] = {}
    for _ in range(500):
        args = {"a": args}
    assert own.read(document(GenerationRequest(seed=1, tiling=True), script={"name": "x", "args": args})).request.tiling


def test_an_upscaler_is_a_name() -> None:
    assert own.read(document(GenerationRequest(seed=1), hires={"enabled": True, "upscaler": "../../x/4x.pth"})).request.hires.upscaler == "4x.pth"


def test_groups_inside_groups_are_taken_value_by_value() -> None:
    reading = own.read(document(GenerationRequest(seed=1), mask={"blur_x": 9999, "soft": {"enabled": True, "bias": 3, "later": 1}}))
    assert (reading.request.mask.blur_x, reading.request.mask.soft.enabled, reading.request.mask.soft.bias) == (256, True, 3.0)
    assert [row.key for row in reading.rows if row.state == "not restored"] == ["mask.soft.later"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    )
)
def test_any_document_is_read(value: Any) -> None:
    deeper = ({"init": {"image": value}}, {"mask": {"soft": value}}, {"script": {"args": value}}, {"styles": value, "hires": value, "script": value})
    for request in ({"prompt": value}, {"text": value}, {"seed": value, "model": value}, value if isinstance(value, dict) else {}, *deeper):
        own.read({"easel": value, "request": request, "facts": value})


@pytest.mark.parametrize("record", [3, {"one": 3}, {"one": {"a": "\ud800"}}, {"one": {"a": "x" * (RECORD_LIMIT + 1)}}], ids=lambda record: repr(record)[:20])
def test_a_record_of_extensions_that_cannot_be_kept_is_left_out(record: Any) -> None:
    reading = own.read(document(GenerationRequest(prompt="a", seed=3), extensions=record))
    assert reading.request.extensions == {} and reading.request.prompt == "a"


def test_that_extensions_had_their_turn_comes_back_without_a_row() -> None:
    reading = own.read(document(GenerationRequest(prompt="a", as_is=True)))
    assert reading.request.as_is and "As it stands" not in {row.key for row in reading.rows}
