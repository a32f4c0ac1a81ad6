"""The Models tab's routes, asked as a browser asks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from modules.core.request import GenerationRequest
from modules.infotext.files import Found
from modules.infotext.read import read_text
from modules.stock.needed import needed
from modules.ui import models, png_info
from modules.ui.pictures import Pictures
from tests.catalog import files
from tests.ui.conftest import DrawnApp
from tests.ui.test_live import Named


@pytest.fixture
def client(app: DrawnApp) -> Iterator[TestClient]:
    files.write(app.paths.models / "Stable-diffusion" / "fox.safetensors", files.SD1)
    routes = models.routes(app, Pictures(app.paths.outputs))
    with TestClient(Starlette(routes=routes, middleware=[Middleware(Named)]), base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.fixture
def fox(client: TestClient) -> str:
    return str(row(client, "fox")["id"])


def row(client: TestClient, name: str) -> dict:
    return next(row for row in client.get("/easel/models").json()["models"] if row["name"] == name)


def beside(app: DrawnApp, ending: str) -> Path:
    return app.paths.models / "Stable-diffusion" / f"fox{ending}"


def test_the_list_is_sent_once(client: TestClient, app: DrawnApp) -> None:
    first = client.get("/easel/models").json()
    assert {group["id"] for group in first["groups"]} >= {"checkpoint", "lora"}
    assert client.get("/easel/models", params={"since": first["version"]}).json() == {"version": first["version"]}
    files.write(app.paths.models / "embeddings" / "e.safetensors", {"emb_params": (1, 768)})
    assert "models" not in client.get("/easel/models", params={"since": first["version"]}).json()
    assert "models" in client.get("/easel/models", params={"since": first["version"], "refresh": ""}).json()


def test_a_picture_of_the_gallery_becomes_the_cards(client: TestClient, app: DrawnApp, fox: str) -> None:
    job = app.until(app.submit(GenerationRequest(prompt="a fox", steps=1, width=64, height=64, seed=1)).id, "done")
    assert client.get(f"/easel/models/{fox}/thumb").status_code == 404
    for _ in range(2):
        assert client.post(f"/easel/models/{fox}/picture", json={"job": job.id, "number": 0}).status_code == 200
    saved = app.paths.outputs / job.pictures[0].path
    assert beside(app, ".preview.png").read_bytes() == saved.read_bytes(), "with its parameters"
    thumb = client.get(f"/easel/models/{fox}/thumb")
    assert thumb.headers["content-type"] == "image/webp" and thumb.headers["x-content-type-options"] == "nosniff"
    assert [one["name"] for one in client.get("/easel/stock/trash").json()["trash"]] == ["fox.preview.png"], "the one before is not lost"
    assert client.post(f"/easel/models/{fox}/picture", json={"job": job.id, "number": 7}).status_code == 404
    theirs = app.submit(GenerationRequest(prompt="a fox", steps=1, width=64, height=64, seed=1), owner="bob").id
    answer = client.post(f"/easel/models/{fox}/picture", json={"job": theirs, "number": 0}, headers={"x-test-user": "ann"})
    assert answer.status_code == 404, "another user's picture"


def test_a_guessed_prediction_is_set_beside_the_model(client: TestClient, app: DrawnApp, fox: str) -> None:
    assert (row(client, "fox")["prediction"], row(client, "fox")["guessed"]) == ("eps", True)
    beside(app, ".easel.json").write_text('{"note": "mine"}')
    assert client.post(f"/easel/models/{fox}/prediction", json={"prediction": "v"}).status_code == 200
    assert json.loads(beside(app, ".easel.json").read_text()) == {"note": "mine", "prediction": "v"}
    assert (row(client, "fox")["prediction"], row(client, "fox")["guessed"]) == ("v", False)
    client.post(f"/easel/models/{fox}/prediction", json={"prediction": ""})
    assert row(client, "fox")["guessed"]
    assert client.post(f"/easel/models/{fox}/prediction", json={"prediction": "magic"}).status_code == 400


def test_wrong_questions_are_answered_politely(client: TestClient, fox: str) -> None:
    for path, body in (
        (f"models/{fox}/favourite", {"on": "yes"}),
        (f"models/{fox}/notes", {"weight": "heavy"}),
        (f"models/{fox}/picture", {"job": "x", "number": True}),
        (f"models/{fox}/prediction", {}),
        ("stock/merge", {"a": fox, "mix": {"multiplier": 7}}),
        ("stock/convert", {"model": fox, "precision": "fp7"}),
        ("stock/empty", {"ids": "all"}),
        ("stock/look", {"repository": 3}),
        ("stock/fetch", {"url": "nowhere"}),
    ):
        answer = client.post(f"/easel/{path}", json=body)
        assert answer.status_code == 400 and answer.json()["detail"], path
    for path in ("models/none", "models/none/tensors", "models/none/thumb"):
        assert client.get(f"/easel/{path}").status_code == 404
    for path in ("stock/tasks/none/cancel", "stock/trash/none/restore", "models/none/trash"):
        assert client.post(f"/easel/{path}", json={}).status_code == 404
    assert client.post(f"/easel/models/{fox}/trash", content="x").status_code == 400, "only JSON, which another site cannot send"


def test_what_a_picture_needs_is_told_without_trusting_it(app: DrawnApp, client: TestClient) -> None:
    text = (
        'x <lora:<b>bad:1>\nSteps: 1, Seed: 1, Sampler: Euler, Model: fox, VAE: <img src=x onerror=alert(1)>.safetensors, Lora hashes: "<script>: 0123456789ab"'
    )
    shown = png_info.needed_list(needed(Found(parameters=text), app.library))
    assert "Needed by this picture" in shown and "<script" not in shown and "<img" not in shown and "&lt;script" in shown
    assert f'data-model="{row(client, "fox")["id"]}"' in shown and "models/VAE" in shown
    assert png_info.needed_list([]) == ""


def test_what_names_a_file_that_is_not_here_is_not_called_restored(app: DrawnApp) -> None:
    files.write(app.paths.models / "Lora" / "fern.safetensors", {"lora_unet_x.lora_down.weight": (4, 8)})
    app.library.refresh()
    text = 'a fox <lora:fern:1> <lora:moss:1>\nSteps: 3, Sampler: Euler, Seed: 1, Size: 64x64, VAE hash: 0123456789, VAE: gone.pt, Lora hashes: "fern: , moss: ffff00001111"'
    answers = needed(Found(parameters=text), app.library)
    rows = {row.key: png_info.found_or_not(row, answers) for row in read_text(text).rows}
    assert {rows[key].state for key in ("VAE", "VAE hash")} == {"not restored"} and rows["VAE"].note == "Not here: see below."
    assert rows["Lora hashes"].state == "approximated" and rows["Steps"].state == "restored"
    assert "Not all of them are here" in png_info.table(read_text(text), "", answers)
