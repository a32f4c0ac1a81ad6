"""/v1/datasets and /v1/trainings as a program asks them; the worker does not run, so jobs wait."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from modules.api import server
from modules.app import App
from modules.core.options import DeviceOptions, Options
from modules.core.paths import Paths
from modules.core.training import TrainingRequest
from modules.training import pinned
from tests.catalog.architectures import flux
from tests.catalog.files import raw, table
from tests.networks import tiny
from tests.training.painting import beside, folder, picture
from tests.training.resting import rest


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App(Options(paths=Paths(data=tmp_path, models=tmp_path / "models")))
    yield app
    app.stop()


@pytest.fixture
def client(app: App) -> Iterator[TestClient]:
    with TestClient(server.build(app, app.options, lambda: None), base_url="http://127.0.0.1:7861") as client:
        yield client


def png(seed: int) -> bytes:
    file = io.BytesIO()
    picture(seed).save(file, "PNG")
    return file.getvalue()


def test_from_pictures_to_a_job_and_off_again(app: App, client: TestClient) -> None:
    assert client.post("/v1/datasets/kites").json() == {"name": "kites"}
    for number in range(2):
        answer = client.post("/v1/datasets/kites/pictures", params={"file": f"{number}.png", "caption": f"kite {number}"}, content=png(number))
        assert (answer.status_code, answer.json()) == (201, {"name": f"{number}.png"})
    assert client.put("/v1/datasets/kites/captions", json={"1.png": "a red kite"}).status_code == 200
    assert client.get("/v1/datasets/kites").json() == [{"name": "0.png", "caption": "kite 0"}, {"name": "1.png", "caption": "a red kite"}]
    assert client.get("/v1/datasets").json() == [{"name": "kites", "pictures": 2}]

    begun = client.post("/v1/trainings", json={"name": "kite", "steps": 5, "data": {"folder": "kites"}, "adapter": {"rank": 2}})
    assert begun.status_code == 202 and begun.headers["location"].endswith(begun.json()["id"]) and begun.json()["state"] == "queued"
    request = app.queue.get(begun.json()["id"]).request
    assert isinstance(request, TrainingRequest) and request.data.folder == str(app.paths.datasets / "kites") and request.adapter.rank == 2
    assert client.post("/v1/trainings/kite/pause").json() == {"job": begun.json()["id"]} and not app.queue.jobs()
    assert client.get("/v1/trainings").json() == [] and client.post("/v1/trainings/kite/enough").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": "x", "data": {"folder": "/etc"}}, 404, "no set"),
        ({"name": "x", "data": {"folder": ".."}}, 404, "no set"),
        ({"name": "x", "data": {"folder": "kites"}, "prior": {"folder": "/etc"}}, 404, "no set"),
        ({"name": "x"}, 404, "no set"),
        ({"name": "x", "data": {"folder": "kites"}}, 400, "no pictures"),
        ({"name": "x", "data": {"folder": "kites"}, "steps": "many"}, 400, "steps"),
        ({"name": "x", "colour": "red"}, 400, "colour"),
    ],
)
def test_what_is_refused(app: App, client: TestClient, body: dict, status: int, words: str) -> None:
    client.post("/v1/datasets/kites")
    answer = client.post("/v1/trainings", json=body)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert not app.queue.jobs() and not app.paths.training.exists()


def test_a_run_goes_on_as_it_was_begun_or_is_ended(app: App, client: TestClient) -> None:
    rest(app.paths.data)
    before = (app.paths.training / "thing" / "recipe.json").read_bytes()
    for steps, words in ((400, "laid out over 1000 steps"), (-1, "steps")):
        answer = client.post("/v1/trainings/thing/resume", params={"steps": steps})
        assert (answer.status_code, words in answer.text) == (400, True), answer.text
        assert not app.queue.jobs() and (app.paths.training / "thing" / "recipe.json").read_bytes() == before
    begun = client.post("/v1/trainings/thing/resume")
    request = app.queue.get(begun.json()["id"]).request
    assert isinstance(request, TrainingRequest) and (request.resume, request.keep, request.steps) == (True, False, 1000)
    assert client.post("/v1/trainings/thing/pause").status_code == 200 and not app.queue.jobs()
    ended = client.post("/v1/trainings/thing/enough")
    request = app.queue.get(ended.json()["job"]).request
    assert isinstance(request, TrainingRequest) and (request.resume, request.keep) == (True, True)


def test_a_set_that_changed_while_its_run_was_paused(app: App, client: TestClient) -> None:
    """Said before there is a job; what was learnt can be kept, and the run goes on once the pictures are as they were."""
    place = beside(app.paths.datasets / "kites")
    request = rest(app.paths.data, data__folder=str(place))
    pinned.pin(app.paths.training / "thing", request)
    name = client.post("/v1/datasets/kites/pictures", params={"file": "more.png"}, content=png(99)).json()["name"]
    first = client.get("/v1/datasets/kites").json()[0]
    client.put("/v1/datasets/kites/captions", json={first["name"]: "otherwise"})
    answer = client.post("/v1/trainings/thing/resume")
    assert answer.status_code == 400 and f"{name} was added; {first['name']} has another caption" in answer.text and first["caption"] in answer.text
    assert not app.queue.jobs()
    assert client.post("/v1/trainings/thing/enough").status_code == 200
    assert client.post("/v1/trainings/thing/pause").status_code == 200
    app.trainings.take_out("kites", name)
    client.put("/v1/datasets/kites/captions", json={first["name"]: first["caption"]})
    assert client.post("/v1/trainings/thing/resume").status_code == 202


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"what": "unet", "model": "single"}, "single is a single file"),
        ({"learning": {"optimizer": "AdamW 8-bit"}, "model": "single"}, "8-bit"),
        ({"mixed": "fp16", "model": "single"}, "fp16"),
        ({"model": "wide"}, "wide has no UNet"),
        ({"name": "cache"}, "keeps for itself"),
    ],
)
def test_what_cannot_be_trained_is_said_before_there_is_a_job(tmp_path: Path, values: dict, words: str) -> None:
    models = tmp_path / "models" / "Stable-diffusion"
    tiny.save_single(models / "single.safetensors", tiny.ldm_tensors(*tiny.parts()))
    rows, size = table(flux())
    (models / "wide.safetensors").write_bytes(raw(rows))
    os.truncate(models / "wide.safetensors", len(raw(rows)) + size)  # of nothing: no disk holds so much for a test
    folder(tmp_path / "datasets" / "kites", width=128, height=128)
    app = App(Options(device=DeviceOptions(device="cpu"), paths=Paths(data=tmp_path, models=tmp_path / "models")))
    with TestClient(server.build(app, app.options, lambda: None), base_url="http://127.0.0.1:7861") as client:
        answer = client.post("/v1/trainings", json={"name": "x", "data": {"folder": "kites"}, **values})
        assert (answer.status_code, words in answer.text) == (400, True), answer.text
        assert not app.queue.jobs() and not app.paths.training.exists()
    app.stop()


def test_a_curve_with_something_that_is_no_number_is_told(app: App, client: TestClient) -> None:
    rest(app.paths.data)
    (app.paths.training / "thing" / "curve.jsonl").write_text('{"step":3,"loss":0.5}\n{"step":3,"measured":{"mse":NaN},"held_out":false}\n')
    assert client.get("/v1/trainings/thing/curve").json() == [{"step": 3, "loss": 0.5}, {"step": 3, "measured": {"mse": None}, "held_out": False}]


def test_wrong_addresses(client: TestClient) -> None:
    for path in ("datasets/nobody", "trainings/nobody", "trainings/nobody/curve"):
        assert client.get(f"/v1/{path}").status_code == 404
    client.post("/v1/datasets/kites")
    assert client.post("/v1/datasets/kites/pictures", content=b"no picture").status_code == 400
    assert client.put("/v1/datasets/kites/captions", json={"a.png": 3}).status_code == 422
    assert client.put("/v1/datasets/kites/captions", json={"../a.png": "x"}).status_code == 404
    assert client.delete("/v1/trainings/nobody").status_code == 404 and client.post("/v1/trainings/nobody/resume").status_code == 404


def test_what_a_killed_training_left_goes_with_the_next_start(app: App) -> None:
    """Its checkpoint and its result, half written; and nothing of anybody else."""
    left, others = [], []
    for number, place in enumerate((app.paths.training / "kite" / "checkpoints", app.paths.models / "Stable-diffusion", app.paths.models / "Lora")):
        half, whole = place / f".easel-00000000-12-{number:016x}.tmp", place / "step-00000001.safetensors"
        (half if number == 1 else place).mkdir(parents=True)
        for file in (half / "weights" if number == 1 else half, whole):
            file.write_bytes(b"half")
        for path in (half / "weights", half, whole):
            if path.exists():
                os.utime(path, (0, 0))
        left.append(half)
        others.append(whole)
    app.tidy()
    assert not any(path.exists() for path in left) and all(path.is_file() for path in others)
