"""What A1111's own HTTP tests ask of its server, asked of ours, with the real engine and a tiny model: 29 requests that have to be answered with 200."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.conftest import Server
from tests.api.painting import encoded

TIMEOUT = 300.0
TXT2IMG: dict[str, Any] = {
    "batch_size": 1, "cfg_scale": 7, "denoising_strength": 0, "enable_hr": False, "eta": 0, "firstphase_height": 0, "firstphase_width": 0, "height": 64, "n_iter": 1,
    "negative_prompt": "", "prompt": "example prompt", "restore_faces": False, "s_churn": 0, "s_noise": 1, "s_tmax": 0, "s_tmin": 0, "sampler_index": "Euler a", "seed": -1,
    "seed_resize_from_h": -1, "seed_resize_from_w": -1, "steps": 3, "styles": [], "subseed": -1, "subseed_strength": 0, "tiling": False, "width": 64,
}  # fmt: skip
IMG2IMG: dict[str, Any] = {
    "batch_size": 1, "cfg_scale": 7, "denoising_strength": 0.75, "eta": 0, "height": 64, "include_init_images": False, "init_images": [encoded(Image.new("RGB", (80, 64), "teal"))],
    "inpaint_full_res": False, "inpaint_full_res_padding": 0, "inpainting_fill": 0, "inpainting_mask_invert": False, "mask": None, "mask_blur": 4, "n_iter": 1,
    "negative_prompt": "", "override_settings": {}, "prompt": "example prompt", "resize_mode": 0, "restore_faces": False, "s_churn": 0, "s_noise": 1, "s_tmax": 0, "s_tmin": 0,
    "sampler_index": "Euler a", "seed": -1, "seed_resize_from_h": -1, "seed_resize_from_w": -1, "steps": 3, "styles": [], "subseed": -1, "subseed_strength": 0,
    "tiling": False, "width": 64,
}  # fmt: skip
MASK = Image.new("L", (80, 64))
MASK.paste(255, (20, 16, 60, 48))
EXTRAS: dict[str, Any] = {
    "resize_mode": 0, "show_extras_results": True, "gfpgan_visibility": 0, "codeformer_visibility": 0, "codeformer_weight": 0, "upscaling_resize": 2, "upscaling_resize_w": 128,
    "upscaling_resize_h": 128, "upscaling_crop": True, "upscaler_1": "Lanczos", "upscaler_2": "None", "extras_upscaler_2_visibility": 0, "image": IMG2IMG["init_images"][0],
}  # fmt: skip


def asked(server: Server, path: str, body: dict[str, Any]) -> Any:
    reply = server.client.post(f"/sdapi/v1/{path}", json=body, timeout=TIMEOUT)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/json"
    return reply.json()


def sizes(reply: Any) -> list[tuple[int, int]]:
    return [Image.open(io.BytesIO(base64.b64decode(data))).size for data in reply["images"]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [(64, 64)]),
        ({"negative_prompt": "example negative prompt"}, [(64, 64)]),
        ({"prompt": "((emphasis)), (emphasis1:1.1), [to:1], [from::2], [from:to:0.3], [alt|alt1]"}, [(64, 64)]),
        ({"negative_prompt": "((emphasis)), (emphasis1:1.1), [to:1], [from::2], [from:to:0.3], [alt|alt1]"}, [(64, 64)]),
        ({"height": 128}, [(64, 128)]),
        ({"width": 128}, [(128, 64)]),
        ({"enable_hr": True, "denoising_strength": 0.7}, [(128, 128)]),
        ({"tiling": True}, [(64, 64)]),
        ({"restore_faces": True}, [(64, 64)]),
        ({"sampler_index": "PLMS"}, [(64, 64)]),
        ({"sampler_index": "DDIM"}, [(64, 64)]),
        ({"sampler_index": "UniPC"}, [(64, 64)]),
        ({"n_iter": 2}, [(64, 64)] * 2),
        ({"batch_size": 2}, [(64, 64)] * 2),
    ],
)
def test_txt2img(drawing: Server, body: dict[str, Any], expected: list[tuple[int, int]]) -> None:
    reply = asked(drawing, "txt2img", {**TXT2IMG, **body})
    assert sizes(reply) == expected
    assert json.loads(reply["info"])["prompt"] == body.get("prompt", "example prompt")


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({}, (64, 64)),
        ({"mask": encoded(MASK)}, (64, 64)),
        ({"mask": encoded(MASK), "inpainting_mask_invert": True}, (64, 64)),
        ({"script_name": "sd upscale", "script_args": ["", 8, "Lanczos", 2.0]}, (160, 128)),
    ],
)
def test_img2img(drawing: Server, body: dict[str, Any], size: tuple[int, int]) -> None:
    assert sizes(asked(drawing, "img2img", {**IMG2IMG, **body})) == [size]


@pytest.mark.parametrize("body", [{}, {"resize_mode": 1}, {"upscaler_2": "Nearest", "extras_upscaler_2_visibility": 0.5}])
def test_extras(drawing: Server, body: dict[str, Any]) -> None:
    image = Image.open(io.BytesIO(base64.b64decode(asked(drawing, "extra-single-image", {**EXTRAS, **body})["image"])))
    assert image.size == ((128, 128) if body.get("resize_mode") else (160, 128))


def test_an_option_is_written(drawing: Server) -> None:
    before = drawing.client.get("/sdapi/v1/options").json()["send_seed"]
    assert asked(drawing, "options", {"send_seed": not before}) is None
    assert drawing.client.get("/sdapi/v1/options").json()["send_seed"] is not before
    asked(drawing, "options", {"send_seed": before})


@pytest.mark.parametrize(
    "path",
    ["options", "cmd-flags", "samplers", "upscalers", "sd-models", "hypernetworks", "face-restorers", "realesrgan-models", "prompt-styles", "embeddings"],
)
def test_what_there_is(drawing: Server, path: str) -> None:
    reply: httpx.Response = drawing.client.get(f"/sdapi/v1/{path}")
    assert reply.status_code == 200
    assert isinstance(reply.json(), list | dict)
