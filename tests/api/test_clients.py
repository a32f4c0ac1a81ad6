"""What real clients send, in their own order and with all that they add; read out of their sources. Each is a contract: what it reads of our answers is there."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.conftest import Server
from tests.api.painting import encoded

PEAR = encoded(Image.new("RGB", (64, 64), "green"))


@pytest.fixture
def client(server: Server) -> httpx.Client:
    return server.client


def posted(client: httpx.Client, path: str, body: Any, **headers: str) -> Any:
    reply = client.post(path, json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/json"
    return reply.json()


def got(client: httpx.Client, path: str, **headers: str) -> Any:
    reply = client.get(path, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


def is_png(data: str) -> bool:
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        image.load()
        return image.format == "PNG"


def test_open_webui(client: httpx.Client) -> None:
    """Always an Authorization header, empty without a login; the model is switched by writing all options back."""
    header = {"authorization": ""}
    options = got(client, "/sdapi/v1/options", **header)
    titles = [row["title"] for row in got(client, "/sdapi/v1/sd-models", **header)]
    options["sd_model_checkpoint"] = titles[1]
    assert posted(client, "/sdapi/v1/options", options, **header) is None
    assert got(client, "/sdapi/v1/options", **header)["sd_model_checkpoint"].split(" ")[0] == titles[1].split(" ")[0]
    body = {
        "prompt": "a pear",
        "batch_size": 2,
        "width": 64,
        "height": 64,
        "steps": 2,
        "negative_prompt": "grey",
        "sampler_name": "",
        "scheduler": "",
        "cfg_scale": None,
        "extra": 1,
    }
    reply = posted(client, "/sdapi/v1/txt2img", body, **header)
    assert [is_png(data) for data in reply["images"]] == [True, True]
    assert json.loads(reply["info"])["sd_model_name"] == "two"


def test_sillytavern(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Its own request is the body, with the address and the login of the server in it. It waits for the model by polling, and interrupts what it gave up."""
    client = server.client
    header = {"authorization": "Basic YTpi"}
    assert "forge_preset" not in got(client, "/sdapi/v1/options", **header)
    upscalers = [row["name"] for row in got(client, "/sdapi/v1/upscalers", **header)]
    modes = [row["name"] for row in got(client, "/sdapi/v1/latent-upscale-modes", **header)]
    upscalers[1:1] = modes
    assert (upscalers[0], upscalers[1]) == ("None", "Latent")
    assert all(row["name"] for row in got(client, "/sdapi/v1/samplers", **header))
    assert "automatic" in [row["name"] for row in got(client, "/sdapi/v1/schedulers", **header)]
    assert client.get("/sdapi/v1/sd-modules", headers=header).status_code == 404
    assert got(client, "/sdapi/v1/sd-vae", **header) == []
    title = got(client, "/sdapi/v1/sd-models", **header)[0]["title"]
    assert posted(client, "/sdapi/v1/options", {"sd_model_checkpoint": title}, **header) is None
    progress = got(client, "/sdapi/v1/progress", **header)
    assert (progress["progress"], progress["state"]["job_count"]) == (0.0, 0)
    body = {
        "url": "http://127.0.0.1:7860", "auth": "ann:secret-word", "prompt": "a pear", "negative_prompt": "", "sampler_name": "Euler a", "scheduler": "automatic", "steps": 4,
        "cfg_scale": 7, "width": 64, "height": 64, "restore_faces": True, "enable_hr": True, "hr_upscaler": upscalers[1], "hr_scale": 1.5, "hr_additional_modules": [],
        "denoising_strength": 0.7, "hr_second_pass_steps": 0, "seed": None, "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic", "forge_additional_modules": []},
        "override_settings_restore_afterwards": True, "clip_skip": 1, "save_images": True, "send_images": True, "do_not_save_grid": False, "do_not_save_samples": False,
    }  # fmt: skip
    with caplog.at_level("DEBUG"):
        reply = posted(client, "/sdapi/v1/txt2img", body, **header)
    assert is_png(reply["images"][0])
    assert "secret-word" not in json.dumps(reply) + caplog.text
    assert "a pear" not in caplog.text
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        left = pool.submit(posted, client, "/sdapi/v1/txt2img", body)
        server.until(lambda: any(server.app.queue.live(job.id).preview for job in server.app.queue.jobs()))
        assert posted(client, "/sdapi/v1/interrupt", {}, **header) == {}
        server.app.painter.gate.set()
        assert left.result()["images"] == []


def test_auto_photoshop(client: httpx.Client) -> None:
    """Awaits JSON from everything; sets one option at a time; keeps to A1111's script lists."""
    for path in ("samplers", "upscalers", "sd-models", "scripts", "script-info", "cmd-flags", "options", "loras"):
        got(client, f"/sdapi/v1/{path}")
    title = got(client, "/sdapi/v1/sd-models")[0]["title"]
    assert posted(client, "/sdapi/v1/options", {"sd_model_checkpoint": title}) is None
    assert posted(client, "/sdapi/v1/options", {"inpainting_mask_weight": 0.5}) is None
    assert got(client, "/sdapi/v1/options")["inpainting_mask_weight"] == 0.5
    body = {
        "prompt": "a pear", "negative_prompt": "", "steps": 2, "n_iter": 1, "sampler_index": "Euler a", "width": 64, "height": 64, "denoising_strength": 0.7, "batch_size": 1, "cfg_scale": 7,
        "seed": "-1", "init_images": [PEAR], "mask": PEAR, "mask_blur": 8, "inpaint_full_res": False, "inpaint_full_res_padding": 32, "inpainting_fill": 1, "use_sharp_mask": False,
        "inpainting_mask_invert": False, "restore_faces": False, "hr_scale": 2, "hr_upscaler": "Latent", "hr_second_pass_steps": 0, "auto_metadata": "", "uniqueDocumentId": "x",
        "alwayson_scripts": {"controlnet": {"args": []}}, "script_args": [], "script_name": None,
    }  # fmt: skip
    reply = posted(client, "/sdapi/v1/img2img", body)
    assert is_png(reply["images"][0])
    assert isinstance(json.loads(reply["info"])["seed"], int)
    extras = {
        "image": PEAR,
        "resize_mode": 0,
        "upscaler_1": "Lanczos",
        "upscaling_resize": 2,
        "upscaling_resize_w": 512,
        "gfpgan_visibility": 0,
        "codeformer_visibility": 0,
    }
    assert is_png(posted(client, "/sdapi/v1/extra-single-image", extras)["image"])
    assert got(client, "/sdapi/v1/progress?skip_current_image=false")["progress"] == 0.0
    assert posted(client, "/sdapi/v1/interrupt", {}) == {}


def test_librechat(client: httpx.Client) -> None:
    """A picture, and then its text by way of png-info with a data: URL."""
    reply = posted(client, "/sdapi/v1/txt2img", {"prompt": "a pear", "negative_prompt": "grey", "cfg_scale": 4.5, "steps": 2, "width": 64, "height": 64})
    said = posted(client, "/sdapi/v1/png-info", {"image": f"data:image/png;base64,{reply['images'][0].split(',', 1)[0]}"})
    assert said["info"].startswith("a pear\nNegative prompt: grey\nSteps: 2")


def test_dify_switches_the_model_for_one_request(client: httpx.Client) -> None:
    before = got(client, "/sdapi/v1/options")["sd_model_checkpoint"]
    body = {
        "prompt": "a pear",
        "steps": 2,
        "width": 64,
        "height": 64,
        "override_settings": {"sd_model_checkpoint": "two"},
        "override_settings_restore_afterwards": False,
    }
    assert json.loads(posted(client, "/sdapi/v1/txt2img", body)["info"])["sd_model_name"] == "two"
    after = got(client, "/sdapi/v1/options")["sd_model_checkpoint"]
    assert after.split(" [")[0] == before.split(" [")[0] == "one.safetensors"  # its hash may have become known meanwhile


def test_blocks_of_extensions_that_are_switched_off(client: httpx.Client) -> None:
    blocks = {
        "ADetailer": {"args": [False, False, {"ad_model": "None"}]},
        "ControlNet": {"args": [{"enabled": False, "image": "", "module": "none"}]},
        "animatediff": {"args": [False]},
        "Refiner": {"args": [True, "two", 0.8]},
        "Sampler": {"args": [20, "Euler", "Automatic"]},
        "Seed": {"args": [-1, False, -1, 0, 0, 0]},
        "Extra options": {"args": []},
    }
    assert posted(client, "/sdapi/v1/txt2img", {"prompt": "a pear", "steps": 2, "width": 64, "height": 64, "alwayson_scripts": blocks})["images"]
