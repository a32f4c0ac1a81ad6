"""Whatever a client sends, it gets a 4xx in A1111's shape that names field and remedy, and the server goes on."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import httpx
import pytest
from PIL import Image

from modules.api.bodies import LIMIT
from tests.api.conftest import Server
from tests.api.painting import encoded

SHAPE = {"error", "detail", "body", "errors", "field", "remedy"}
ROUTES = (
    "/sdapi/v1/txt2img",
    "/sdapi/v1/img2img",
    "/sdapi/v1/options",
    "/sdapi/v1/png-info",
    "/sdapi/v1/extra-single-image",
    "/sdapi/v1/extra-batch-images",
    "/sdapi/v1/interrogate",
    "/internal/progress",
    "/v1/jobs",
)
PEAR = encoded(Image.new("RGB", (16, 16), "green"))


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
        ({"script_name": "X/Y/Z plot", "script_args": [99]}, 400, "script_args.x_type"),
        ({"alwayson_scripts": {"ADetailer": {"args": [True]}}}, 422, "alwayson_scripts"),
        ({"enable_hr": True, "hr_upscaler": "SwinIR"}, 400, "hr_upscaler"),
        ({"enable_hr": True, "hr_scale": -1}, 400, "hr_scale"),
        ({"n_iter": 1000, "batch_size": 64}, 400, "n_iter"),
        ({"styles": "film"}, 422, "styles"),
        ({"script_args": {}}, 422, "script_args"),
        ({"refiner_checkpoint": "nowhere"}, 404, "refiner_checkpoint"),
        ({"override_settings": {"sd_model_checkpoint": "nowhere"}}, 404, "override_settings.sd_model_checkpoint"),
    ],
)
def test_values_that_are_not_usable(steady: Server, body: dict[str, Any], status: int, field: str) -> None:
    said = refused(steady.client.post("/sdapi/v1/txt2img", json=body), status)
    assert said["field"] == field
    assert said["remedy"]
    assert len(json.dumps(said)) < 1000
    assert not steady.app.queue.jobs()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 404, "init_images"),
        ({"init_images": []}, 404, "init_images"),
        ({"init_images": PEAR}, 422, "init_images"),
        ({"init_images": [[PEAR]]}, 422, "init_images.0"),
        ({"init_images": [""]}, 400, "init_images"),
        ({"init_images": ["no base64!"]}, 400, "init_images"),
        ({"init_images": ["aGVsbG8="]}, 400, "init_images"),
        ({"init_images": [PEAR[:60]]}, 400, "init_images"),
        ({"init_images": ["data:image/png;base64,"]}, 400, "init_images"),
        ({"init_images": ["http://example.com/a.png"]}, 400, "init_images"),
        ({"init_images": [PEAR], "mask": "aGVsbG8="}, 400, "mask"),
        ({"init_images": [PEAR], "latent_mask": "aGVsbG8="}, 400, "latent_mask"),
        ({"init_images": [PEAR, PEAR]}, 400, "init_images"),
        ({"init_images": [PEAR, PEAR, PEAR], "batch_size": 2}, 400, "init_images"),
        ({"init_images": [PEAR], "resize_mode": 9}, 400, "resize_mode"),
        ({"init_images": [PEAR], "resize_mode": 1.5}, 422, "resize_mode.int"),
        ({"init_images": [PEAR], "mask": PEAR, "inpainting_fill": "sky"}, 400, "inpainting_fill"),
        ({"init_images": [PEAR], "mask": PEAR, "mask_blur": 2.5}, 422, "mask_blur"),
        ({"init_images": [PEAR], "mask": PEAR, "mask_blur": 100_000}, 400, "mask_blur_x"),
        ({"init_images": [PEAR], "denoising_strength": -1}, 400, "denoising_strength"),
        ({"init_images": [PEAR], "script_name": "x"}, 422, "script_name"),
    ],
)
def test_pictures_and_values_of_img2img_that_are_not_usable(steady: Server, body: dict[str, Any], status: int, field: str) -> None:
    said = refused(steady.client.post("/sdapi/v1/img2img", json=body), status)
    assert said["field"] == field
    assert said["remedy"]
    assert len(json.dumps(said)) < 1000
    assert not steady.app.queue.jobs()


@pytest.mark.parametrize("place", ["init_images", "mask"])
def test_a_giant_picture_is_refused_before_it_is_decoded(steady: Server, place: str) -> None:
    """A file of a few hundred bytes whose header promises 3.6 billion pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    file = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = zlib.compress(b"\0" * 1000)
    file += struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data)) + b"\0\0\0\0IEND\xaeB`\x82"
    giant = base64.b64encode(file).decode()
    body = {"init_images": [giant]} if place == "init_images" else {"init_images": [PEAR], "mask": giant}
    said = refused(steady.client.post("/sdapi/v1/img2img", json=body), 400)
    assert said["field"] == place
    assert "more pixels" in said["detail"]


@pytest.mark.parametrize(
    ("route", "body", "status", "field"),
    [
        ("extra-single-image", {}, 400, "image"),
        ("extra-single-image", {"image": "aGVsbG8="}, 400, "image"),
        ("extra-single-image", {"image": PEAR, "upscaler_1": "SwinIR"}, 400, "upscaler_1"),
        ("extra-single-image", {"image": PEAR, "upscaler_1": "Lanczos", "resize_mode": 2}, 422, "resize_mode"),
        ("extra-single-image", {"image": PEAR, "upscaler_1": "Lanczos", "upscaling_resize": 1e9}, 422, "upscaling_resize"),
        (
            "extra-single-image",
            {"image": PEAR, "upscaler_1": "Lanczos", "resize_mode": 1, "upscaling_resize_w": 16384, "upscaling_resize_h": 16384},
            400,
            "upscaling_resize_w",
        ),
        ("extra-single-image", {"image": PEAR, "codeformer_visibility": 1}, 404, "codeformer_visibility"),
        ("extra-batch-images", {}, 422, "imageList"),
        ("extra-batch-images", {"imageList": [{"name": "a"}]}, 422, "imageList.0.data"),
        ("extra-batch-images", {"imageList": [{"data": PEAR}, {"data": "aGVsbG8="}]}, 400, "imageList.1"),
        ("extra-batch-images", {"imageList": [{"data": PEAR}] * 101}, 422, "imageList"),
        ("interrogate", {"image": PEAR}, 400, "model"),
    ],
)
def test_what_extras_cannot_do(steady: Server, route: str, body: dict[str, Any], status: int, field: str) -> None:
    said = refused(steady.client.post(f"/sdapi/v1/{route}", json=body), status)
    assert said["field"] == field
    assert said["remedy"]


def test_an_announced_giant_is_refused(steady: Server) -> None:
    said = refused(steady.client.post("/sdapi/v1/txt2img", content=b" " * (100 * 10**6)), 413)
    assert said["error"] == "TooLarge"


@pytest.mark.parametrize("route", [*ROUTES, "/v1/rerun", "/v1/inputs"])
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
    [
        ("GET", "/sdapi/v1/nothing", 404),
        ("GET", "/sdapi/v1/txt2img", 405),
        ("GET", "/v1/", 404),
        ("POST", "/sdapi/v1/server-kill", 404),
        ("POST", "/sdapi/v1/server-stop", 404),
        ("POST", "/sdapi/v1/server-restart", 404),
    ],
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
