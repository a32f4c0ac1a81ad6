"""Whatever a client sends, it gets a 4xx in A1111's shape that names field and remedy, and the server goes on."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from modules.api.bodies import LIMIT
from tests.api.conftest import Server

SHAPE = {"error", "detail", "body", "errors", "field", "remedy"}
ROUTES = ("/sdapi/v1/txt2img", "/sdapi/v1/options", "/sdapi/v1/png-info", "/v1/jobs")


def refused(reply: httpx.Response, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text[:500]
    said = reply.json()
    assert set(said) >= SHAPE
    assert said["body"] == ""
    assert said["detail"]
    assert "Traceback" not in reply.text
    return said


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"prompt=a+pear",
        b"\xff\xfe",
        b'{"prompt": "\xff"}',
        b'{"prompt": "\\ud800"}',
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"a": ' * 10_000 + b"1" + b"}" * 10_000,
        b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
    ids=["nothing", "cut off", "null", "list", "text", "form", "UTF-16", "bad UTF-8", "half a character", "5,000 digits", "deep objects", "deep lists"],
)
def test_what_is_no_json_object(steady: Server, route: str, body: bytes) -> None:
    said = refused(steady.client.post(route, content=body), 422)
    assert said["remedy"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("place", ["cfg_scale", "s_noise", "some_field_of_a_client"])
def test_numbers_that_are_none(steady: Server, number: str, place: str) -> None:
    said = refused(steady.client.post("/sdapi/v1/txt2img", content=f'{{"{place}": {number}}}'), 422)
    assert said["field"] == place


def test_a_number_that_is_none_deep_inside(steady: Server) -> None:
    said = refused(steady.client.post("/sdapi/v1/txt2img", content='{"alwayson_scripts": {"x": {"args": [1, NaN]}}}'), 422)
    assert said["field"] == "alwayson_scripts.x.args.1"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"steps": "many"}, 422, "steps"),
        ({"steps": 2.5}, 422, "steps"),
        ({"prompt": ["a"]}, 422, "prompt"),
        ({"override_settings": "none"}, 422, "override_settings"),
        ({"alwayson_scripts": []}, 422, "alwayson_scripts"),
        ({"save_images": "perhaps"}, 422, "save_images"),
        ({"steps": -1}, 400, "steps"),
        ({"width": -512}, 400, "width"),
        ({"height": 10**9}, 400, "height"),
        ({"batch_size": 10**30}, 400, "batch_size"),
        ({"seed": -2}, 400, "seed"),
        ({"prompt": "a" * 100_000}, 400, "prompt"),
        ({"sampler_name": "x" * 100_000}, 400, "sampler_name"),
        ({"sampler_name": "Euller"}, 400, "sampler_name"),
        ({"scheduler": "Karra"}, 400, "scheduler"),
        ({"script_name": "Loopback"}, 422, "script_name"),
        ({"enable_hr": True}, 400, "enable_hr"),
        ({"override_settings": {"sd_model_checkpoint": "nowhere"}}, 404, "override_settings.sd_model_checkpoint"),
    ],
)
def test_values_that_are_not_usable(steady: Server, body: dict[str, Any], status: int, field: str) -> None:
    said = refused(steady.client.post("/sdapi/v1/txt2img", json=body), status)
    assert said["field"] == field
    assert said["remedy"]
    assert len(json.dumps(said)) < 1000
    assert not steady.app.queue.jobs()


def test_an_announced_giant_is_refused(steady: Server) -> None:
    said = refused(steady.client.post("/sdapi/v1/txt2img", content=b" " * (100 * 10**6)), 413)
    assert said["error"] == "TooLarge"


@pytest.mark.parametrize("route", [*ROUTES, "/v1/rerun"])
def test_a_giant_that_is_not_announced_is_refused(steady: Server, route: str) -> None:
    pieces = (b" " * 2**20 for _ in range(LIMIT // 2**20 + 2))
    refused(steady.client.post(route, content=pieces), 413)


@pytest.mark.parametrize("length", ["-1", "many", "9" * 40])
def test_a_content_length_that_is_none(steady: Server, length: str) -> None:
    try:
        reply = steady.client.post("/sdapi/v1/txt2img", headers={"content-length": length}, content=b"{}")
    except httpx.HTTPError:  # refused by the client's or the server's HTTP parser already
        return
    assert 400 <= reply.status_code < 500


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/sdapi/v1/nothing", 404), ("GET", "/sdapi/v1/txt2img", 405), ("GET", "/v1/", 404), ("POST", "/sdapi/v1/img2img", 404)],
)
def test_addresses_that_are_none(steady: Server, method: str, path: str, status: int) -> None:
    said = refused(steady.client.request(method, path, json={}), status)
    assert said["remedy"]


@pytest.mark.parametrize(
    "path", ["/sdapi/v1/progress?skip_current_image=perhaps", "/v1/history?limit=x", "/v1/pictures/x", "/v1/pictures/99999999999999999999999"]
)
def test_parameters_that_are_not_usable(steady: Server, path: str) -> None:
    reply = steady.client.get(path)
    refused(reply, reply.status_code)
    assert 400 <= reply.status_code < 500


def test_the_server_goes_on(steady: Server) -> None:
    steady.client.post("/sdapi/v1/txt2img", content=b"[" * 10_000)
    assert steady.client.post("/sdapi/v1/txt2img", json={"prompt": "a pear", "steps": 1, "width": 64, "height": 64}).status_code == 200
