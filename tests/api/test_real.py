"""The whole way once: the App as it is, with the real engine and the model that comes with Easel."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.app import App
from modules.core.options import DeviceOptions, Options
from modules.core.paths import Paths
from tests.api.conftest import Server, served

BODY = {"prompt": "a red apple", "width": 64, "height": 64, "steps": 3, "seed": 5, "sampler_name": "Euler a", "save_images": True, "do_not_save_grid": True}
TIMEOUT = 300.0


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("real")
    yield from served(App(Options(paths=Paths(data=data, models=data / "models"), device=DeviceOptions(device="cpu"))), {})


def drawn(server: Server, **body: Any) -> list[bytes]:
    reply = server.client.post("/sdapi/v1/txt2img", json={**BODY, **body}, timeout=TIMEOUT)
    assert reply.status_code == 200, reply.text
    return [base64.b64decode(data) for data in reply.json()["images"]]


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


@pytest.mark.slow
def test_a_picture_is_the_same_alone_in_a_batch_and_rerun_from_its_file(real: Server) -> None:
    batch = drawn(real, batch_size=2)
    alone = drawn(real, seed=6)[0]
    assert pixels(batch[1]) == pixels(alone)
    assert pixels(batch[0]) != pixels(alone)
    job = real.client.post("/v1/rerun", content=batch[0], timeout=TIMEOUT).json()
    real.until(lambda: not real.app.queue.jobs())
    again = real.client.get(f"/v1/jobs/{job['id']}").json()
    assert pixels(real.client.get(again["pictures"][0]["url"]).content) == pixels(batch[0])


@pytest.mark.slow
def test_an_infotext_alone_makes_the_picture_again(real: Server) -> None:
    first = drawn(real)[0]
    text = real.client.post("/sdapi/v1/png-info", json={"image": base64.b64encode(first).decode()}).json()["info"]
    reply = real.client.post("/sdapi/v1/txt2img", json={"infotext": text}, timeout=TIMEOUT).json()
    assert pixels(base64.b64decode(reply["images"][0])) == pixels(first)
    assert json.loads(reply["info"])["infotexts"] == [text]


@pytest.mark.slow
def test_requests_at_once_equal_their_serial_runs(real: Server) -> None:
    bodies = [{"seed": seed, "sampler_name": name} for seed, name in enumerate(("Euler", "DDIM", "DPM++ 2M", "Heun"))]
    with ThreadPoolExecutor(len(bodies)) as pool:
        together = list(pool.map(lambda body: pixels(drawn(real, **body)[0]), bodies))
    assert together == [pixels(drawn(real, **body)[0]) for body in bodies]
