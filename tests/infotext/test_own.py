"""Easel's own JSON: lossless, and harmless when someone else wrote it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.infotext import files, own
from modules.infotext.read import read, read_text
from modules.infotext.write import infotext
from tests.infotext.conftest import requests


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


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    )
)
def test_any_document_is_read(value: Any) -> None:
    for request in ({"prompt": value}, {"text": value}, {"seed": value, "model": value}, value if isinstance(value, dict) else {}):
        own.read({"easel": value, "request": request, "facts": value})
