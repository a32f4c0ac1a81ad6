"""The package `webuiapi`, which many programs speak to A1111 with, against a server of ours in a process of its own, behind a login."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import webuiapi
from PIL import Image

PROJECT = Path(__file__).resolve().parents[2]
START = [sys.executable, str(PROJECT / "launch.py"), "--skip-install", "--nowebui", "--use-cpu", "all", "--api-auth", "ann:a b", "--api-server-stop"]
SMALL: dict[str, Any] = {"prompt": "a pear", "width": 64, "height": 64, "steps": 3, "seed": 5, "sampler_name": "Euler"}
TEAL = Image.new("RGB", (80, 64), "teal")
MASK = Image.new("L", (80, 64))
MASK.paste(255, (20, 16, 60, 48))


@pytest.fixture(scope="module")
def address(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("webuiapi")
    (data / "styles.csv").write_text("name,prompt,negative_prompt\nfilm,film grain,cartoon\n")
    command = [*START, "--data-dir", str(data), "--models-dir", str(tiny_models)]
    child = subprocess.Popen(command, env={**os.environ, "COMMANDLINE_ARGS": ""}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    timer = threading.Timer(400, child.kill)
    timer.start()
    assert child.stdout
    lines = (line for line in child.stdout if line.startswith("Running on local URL:"))
    try:
        place = next(lines).split()[-1]
        timer.cancel()
        yield place
    finally:
        timer.cancel()
        if child.poll() is None:
            child.kill()
        child.wait()


def stopped(address: str) -> bool:
    """Whether nothing answers there any more, within a minute."""
    for _ in range(1200):
        try:
            httpx.get(f"{address}/internal/ping", trust_env=False)
        except httpx.HTTPError:
            return True
        time.sleep(0.05)
    return False


def client_at(place: str, **login: str) -> Any:
    host, _, port = place.removeprefix("http://").partition(":")
    found = webuiapi.WebUIApi(host=host, port=int(port), sampler="Euler a", steps=3)
    found.session.trust_env = False
    if login:
        found.set_auth(**login)
    return found


@pytest.fixture
def api(address: str) -> Any:
    return client_at(address, username="ann", password="a b")


def test_without_its_login_it_is_refused(address: str) -> None:
    with pytest.raises(RuntimeError, match="Incorrect username or password"):
        client_at(address).txt2img(**SMALL)


def test_it_finds_no_extensions(api: Any) -> None:
    assert "x/y/z plot" in api.get_scripts()["txt2img"]
    assert (api.has_controlnet, api.has_adetailer, api.has_animatediff) == (False, False, False)


def test_txt2img(api: Any) -> None:
    result = api.txt2img(**SMALL, n_iter=2, negative_prompt="grey", styles=["film"], cfg_scale=5)
    assert [image.size for image in result.images] == [(64, 64)] * 2
    assert result.info["all_seeds"] == [5, 6]
    assert result.info["infotexts"][0].startswith(
        "a pear, film grain\nNegative prompt: grey, cartoon\nSteps: 3, Sampler: Euler, Schedule type: Automatic, CFG scale: 5.0, Seed: 5"
    )
    assert result.parameters["prompt"] == "a pear"
    assert result.image.info["parameters"] == result.info["infotexts"][0]


def test_txt2img_with_hires_fix(api: Any) -> None:
    upscalers = webuiapi.HiResUpscaler
    for upscaler in (upscalers.Latent, upscalers.LatentNearestExact, upscalers.Lanczos):
        result = api.txt2img(**SMALL, enable_hr=True, hr_scale=2, hr_upscaler=upscaler, denoising_strength=0.5, hr_second_pass_steps=2)
        assert result.image.size == (128, 128)
        assert f"Hires upscaler: {upscaler.value}" in result.info["infotexts"][0]


def test_img2img_and_inpaint(api: Any) -> None:
    plain = api.img2img(images=[TEAL], **SMALL, denoising_strength=0.5)
    assert plain.image.size == (64, 64)
    assert "Denoising strength: 0.5" in plain.info["infotexts"][0]
    painted = api.img2img(images=[TEAL], mask_image=MASK, **{**SMALL, "width": 80}, inpainting_fill=1, inpaint_full_res=False, mask_blur=0)
    assert painted.image.getpixel((2, 2)) == TEAL.getpixel((2, 2))
    assert painted.image.getpixel((40, 32)) != TEAL.getpixel((40, 32))
    masked = api.img2img(images=[TEAL], mask_image=MASK, **SMALL, inpaint_full_res=True, inpaint_full_res_padding=8)
    assert masked.image.size == TEAL.size


def test_scripts(api: Any) -> None:
    plot = api.txt2img(
        **SMALL, script_name="X/Y/Z Plot", script_args=[4, "2,3", [], 0, "", [], 0, "", [], False, True, False, False, False, False, False, 0, False]
    )
    assert [image.size for image in plot.images] == [(128, 64), (64, 64), (64, 64)]
    assert plot.info["index_of_first_image"] == 1
    larger = api.img2img(images=[TEAL], **SMALL, script_name="SD upscale", script_args=["", 16, "Lanczos", 1.5])
    assert larger.image.size == (120, 96)
    with pytest.raises(RuntimeError, match="not found"):
        api.txt2img(**SMALL, script_name="Seed travel")


def test_extras(api: Any) -> None:
    upscaler = webuiapi.Upscaler
    single = api.extra_single_image(image=TEAL, upscaler_1=upscaler.Lanczos, upscaling_resize=1.5)
    assert (single.image.size, "Lanczos" in single.info) == ((120, 96), True)
    several = api.extra_batch_images(images=[TEAL, MASK], upscaler_1=upscaler.Nearest, upscaling_resize=2)
    assert [image.size for image in several.images] == [(160, 128)] * 2


def test_png_info(api: Any) -> None:
    made = api.txt2img(**SMALL)
    assert api.png_info(made.image).info == made.info["infotexts"][0]


def test_interrogate_is_refused_in_words(api: Any) -> None:
    with pytest.raises(RuntimeError, match="not built"):
        api.interrogate(image=TEAL)


def test_options(api: Any) -> None:
    options = api.get_options()
    assert api.set_options({**options, "CLIP_stop_at_last_layers": 2}) is None
    assert api.get_options()["CLIP_stop_at_last_layers"] == 2
    assert "Clip skip: 2" in api.txt2img(**SMALL).info["infotexts"][0]
    api.set_options(options)
    assert api.get_options() == options


def test_the_model_is_switched(api: Any) -> None:
    assert api.util_get_current_model().startswith("tiny-one.safetensors")
    one_title, two_title = (next(title for title in api.util_get_model_names() if title.startswith(name)) for name in ("tiny-one", "tiny-two"))
    api.util_set_model(two_title.upper())
    assert api.util_get_current_model().startswith("tiny-two.safetensors")
    two = api.txt2img(**SMALL)
    api.util_set_model(one_title)
    one = api.txt2img(**SMALL)
    assert [result.info["sd_model_name"] for result in (one, two)] == ["tiny-one", "tiny-two"]
    assert one.image.tobytes() != two.image.tobytes()
    override = api.txt2img(**SMALL, override_settings={"sd_model_checkpoint": "tiny-two"})
    assert override.image.tobytes() == two.image.tobytes()


def test_progress_interrupt_and_skip(api: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(api.txt2img, **{**SMALL, "steps": 1000}, n_iter=50)
        while not (progress := api.get_progress())["progress"]:
            pass
        assert progress["state"]["job_count"] == 50
        assert api.skip() is None
        assert api.interrupt() == {}
        assert len(long.result().images) < 50
    api.util_wait_for_ready(check_interval=0.01)


@pytest.mark.parametrize(
    "name",
    [
        "cmd_flags", "samplers", "schedulers", "sd_vae", "upscalers", "latent_upscale_modes", "loras", "sd_models", "hypernetworks", "face_restorers", "realesrgan_models",
        "prompt_styles", "embeddings", "memory", "scripts", "options", "progress",
    ],
)  # fmt: skip
def test_lists(api: Any, name: str) -> None:
    found = getattr(api, f"get_{name}")()
    assert isinstance(found, list | dict)
    assert "error" not in found


def test_names(api: Any) -> None:
    assert {"Euler a", "DPM++ 2M"} <= set(api.util_get_sampler_names())
    assert {"automatic", "karras"} <= set(api.util_get_scheduler_names())
    assert any(name.startswith("tiny-one.safetensors") for name in api.util_get_model_names())
    assert api.refresh_checkpoints() is None


def test_it_stops_when_it_is_told_to(address: str, api: Any) -> None:
    """The last one of this file."""
    assert api.custom_get("internal/ping", baseurl=False) == {}
    assert api.session.post(f"{api.baseurl}/server-stop").status_code == 200
    assert stopped(address)
