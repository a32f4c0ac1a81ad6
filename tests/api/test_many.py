"""Many clients at once, with the real engine and two tiny checkpoints: every one gets its own picture, whatever others ask for, watch or change meanwhile.

EASEL_CLIENTS=100 runs the full count.
"""

from __future__ import annotations

import base64
import io
import itertools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from modules.core.records.samplers import SAMPLERS
from tests.api.conftest import LOGINS, Server, served, tiny_app
from tests.api.painting import encoded

COUNT = int(os.environ.get("EASEL_CLIENTS", "32"))
SIDES = (64, 72, 80, 96)
TIMEOUT = 600.0
OPTIONS: tuple[dict[str, Any], ...] = (
    {"sd_model_checkpoint": "tiny-two", "CLIP_stop_at_last_layers": 2},
    {"randn_source": "NV", "eta_noise_seed_delta": 31337, "img2img_fix_steps": True},
    {"sd_model_checkpoint": None, "CLIP_stop_at_last_layers": 1, "randn_source": "CPU"},
)


@pytest.fixture(scope="module")
def crowd(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from served(tiny_app(tiny_models, tmp_path_factory.mktemp("crowd")), LOGINS)


def wish(number: int) -> tuple[str, dict[str, Any]]:
    """(path, body): no two alike in seed; every sampler, both checkpoints, both tabs and all sizes come up."""
    body: dict[str, Any] = {
        "prompt": f"a pear number {number}",
        "seed": 1000 + number,
        "steps": 2 + number % 3,
        "width": SIDES[number % 4],
        "height": SIDES[number // 4 % 4],
        "sampler_name": SAMPLERS.names()[number % len(SAMPLERS.names())],
        "override_settings": {"sd_model_checkpoint": ("tiny-one", "tiny-two")[number // 2 % 2]},
    }
    if number % 2 == 0:
        return "/sdapi/v1/txt2img", body
    start = encoded(Image.new("RGB", (64, 64), (number * 7 % 256, number * 11 % 256, 128)))
    return "/sdapi/v1/img2img", {**body, "init_images": [start], "denoising_strength": 0.6}


def pixels(client: httpx.Client, number: int) -> bytes:
    path, body = wish(number)
    reply = client.post(path, json=body, timeout=TIMEOUT)
    assert reply.status_code == 200, reply.text
    (data,) = reply.json()["images"]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (body["width"], body["height"])
        return image.convert("RGB").tobytes()


@pytest.mark.slow
def test_many_at_once_equal_their_serial_runs(crowd: Server) -> None:
    ann, bob = crowd.as_user("ann"), crowd.as_user("bob")
    done = threading.Event()

    def poll(client: httpx.Client) -> int:
        for count in itertools.count():
            if done.is_set():
                return count
            assert client.get("/sdapi/v1/progress", timeout=TIMEOUT).status_code == 200
            assert client.get("/v1/jobs", timeout=TIMEOUT).status_code == 200
        return 0

    def change(client: httpx.Client) -> int:
        for count, values in enumerate(itertools.cycle(OPTIONS)):
            if done.is_set():
                return count
            assert client.post("/sdapi/v1/options", json=values, timeout=TIMEOUT).json() is None
            assert client.get("/sdapi/v1/options", timeout=TIMEOUT).status_code == 200
            done.wait(0.02)
        return 0

    with ThreadPoolExecutor(3) as others, ThreadPoolExecutor(COUNT) as clients:
        busy = [others.submit(poll, ann), others.submit(poll, bob), others.submit(change, bob)]
        try:
            together = list(clients.map(lambda number: pixels(ann, number), range(COUNT)))
        finally:
            done.set()
        assert all(future.result() > 0 for future in busy)
    assert len(set(together)) == COUNT
    assert together == [pixels(ann, number) for number in range(COUNT)]
