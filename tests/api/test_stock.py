"""/v1/models and /v1/tasks as a program asks them."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.testclient import TestClient

from modules.api import server
from modules.app import App
from modules.core.options import Options
from modules.core.paths import Paths
from tests.catalog import files


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    files.write(tmp_path / "models" / "Stable-diffusion" / "fox.safetensors", files.SD1, fill=1)
    files.write(tmp_path / "models" / "Stable-diffusion" / "owl.safetensors", files.SD1, fill=2)
    app = App(Options(paths=Paths(data=tmp_path, models=tmp_path / "models")))
    yield app
    app.stop()


@pytest.fixture
def client(app: App) -> Iterator[TestClient]:
    with TestClient(server.build(app, app.options, lambda: None), base_url="http://127.0.0.1:7861") as client:
        yield client


def id_of(client: TestClient, name: str) -> str:
    return str(next(row["id"] for row in client.get("/v1/models").json() if row["name"] == name))


def ended(client: TestClient, id: str) -> dict:
    for _ in range(4000):
        task = client.get(f"/v1/tasks/{id}").json()
        if task["state"] not in ("waiting", "running"):
            return dict(task)
        time.sleep(0.05)
    raise AssertionError(task)


def test_models_are_listed_looked_at_and_worked_on(client: TestClient, tmp_path: Path) -> None:
    fox, owl = id_of(client, "fox"), id_of(client, "owl")
    assert {row["group"] for row in client.get("/v1/models", params={"group": "checkpoint"}).json()} == {"checkpoint"}
    assert client.get("/v1/models", params={"group": "nothing"}).status_code == 404
    assert client.get(f"/v1/models/{fox}").json()["path"].endswith("fox.safetensors")
    assert client.get(f"/v1/models/{fox}/tensors").json()["count"] == len(files.SD1)
    assert client.put(f"/v1/models/{fox}/notes", json={"notes": "soft"}).status_code == 200 and (tmp_path / "models" / "Stable-diffusion" / "fox.json").exists()
    assert client.put(f"/v1/models/{fox}/notes", json={"path": "x"}).status_code == 400

    answer = client.post("/v1/models/merge", json={"a": fox, "b": owl, "mix": {"multiplier": 0.5}})
    assert answer.status_code == 202
    task = ended(client, answer.json()["id"])
    assert task["state"] == "done" and client.get(f"/v1/models/{task['made']}").json()["path"].endswith("0.5(fox) + 0.5(owl).safetensors")
    assert client.post("/v1/models/merge", json={"a": fox}).json()["error"] == "InvalidRequest"
    assert client.post("/v1/models/convert", json={"model": "0" * 16}).status_code == 404
    assert client.post(f"/v1/tasks/{task['id']}/cancel").json()["state"] == "done" and client.get("/v1/tasks/none").status_code == 404
    assert len(client.get("/v1/tasks").json()) == 1

    gone = client.delete(f"/v1/models/{owl}").json()["trash"]
    assert client.get(f"/v1/models/{owl}").status_code == 404
    assert client.post(f"/v1/trash/{gone}/restore").status_code == 200 and id_of(client, "owl") == owl


def test_what_a_picture_needs(client: TestClient) -> None:
    told, held = PngInfo(), io.BytesIO()
    told.add_text("parameters", "x\nSteps: 1, Seed: 1, Sampler: Euler, Model hash: 0123456789, Model: gone")
    Image.new("RGB", (8, 8)).save(held, "PNG", pnginfo=told)
    (answer,) = client.post("/v1/models/needed", content=held.getvalue()).json()
    assert (answer["kind"], answer["name"], answer["state"], answer["model"]) == ("checkpoint", "gone", "missing", None)
    assert client.post("/v1/models/needed", content=b"no picture").status_code == 400


def test_fetching_is_refused_with_a_reason(client: TestClient) -> None:
    assert client.post("/v1/models/fetch", json={"url": "ftp://x/y"}).json()["field"] == "url"
    answer = client.post("/v1/models/fetch", json={"url": "http://127.0.0.1:9/x.safetensors"})
    assert "public address" in ended(client, answer.json()["id"])["error"]["detail"]
    assert client.post("/v1/models/look", params={"repository": "../x"}).status_code == 400
