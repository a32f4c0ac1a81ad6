"""The tab Train without a browser: every parameter in its place, and its routes, asked as a browser asks them."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from modules.core.errors import NotFound
from modules.core.params import to_dict, walk
from modules.core.result import Cancel
from modules.core.training import Pictures, TrainingRequest
from modules.ui import train, trainings
from tests.training.painting import folder, picture
from tests.ui.conftest import DrawnApp
from tests.ui.test_live import Named, small

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def tab(app: DrawnApp) -> train.Tab:
    with gr.Blocks():
        return train.build(app, gr.Dropdown(["easel-starter"], value="easel-starter"))


@pytest.fixture
def client(app: DrawnApp, tab: train.Tab) -> Iterator[TestClient]:
    routes = trainings.routes(app, tab.form)
    with TestClient(Starlette(routes=routes, middleware=[Middleware(Named)]), base_url="http://127.0.0.1", client=("127.0.0.1", 5000)) as client:
        yield client


@pytest.fixture
def ask(client: TestClient) -> Ask:
    """ask(path, body): the answer of a question that goes well; by GET without a body."""

    def asked(path: str, body: object = None, user: str = "", status: int = 200) -> dict[str, Any]:
        headers = {"x-test-user": user}
        answer = client.get(f"/easel/training/{path}", headers=headers) if body is None else client.post(f"/easel/training/{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    return asked


def png(seed: int, side: int = 64) -> bytes:
    file = io.BytesIO()
    picture(seed, side, side).save(file, "PNG")
    return file.getvalue()


def bring(client: TestClient, name: str, file: str, data: bytes, kind: str = "application/octet-stream") -> Any:
    return client.post(f"/easel/training/sets/{name}/pictures", params={"name": file}, content=data, headers={"content-type": kind})


@pytest.fixture
def things(client: TestClient, ask: Ask) -> str:
    """A set of three pictures with captions."""
    name = str(ask("sets", {"name": "things"})["name"])
    for number in range(3):
        assert bring(client, name, f"{number}.png", png(number)).json() == {"name": f"{number}.png"}
        ask(f"sets/{name}/caption", {"picture": f"{number}.png", "text": f"a {number} thing"})
    return name


@pytest.fixture
def held(app: DrawnApp) -> Iterator[None]:
    """The worker is at a job that does not end, so that others wait."""
    app.gate.clear()
    id = app.submit(small()).id
    app.until(id, "running")
    yield
    for job in app.queue.jobs():
        app.queue.cancel(job.id)
    app.gate.set()


def test_every_parameter_once_or_hidden(tab: train.Tab) -> None:
    names = {field.name for field in walk(TrainingRequest)}
    assert set(tab.form.widgets) - {"model"} | set(train.HIDDEN) == names
    assert not (set(tab.form.widgets) - {"model"}) & set(train.HIDDEN)
    assert {name for _, rows in train.MORE for row in rows for name in row} | {name for row in train.MAIN for name in row} | {"what"} == set(
        tab.form.widgets
    ) - {"model"}


@pytest.mark.usefixtures("held")
def test_from_pictures_to_a_job(app: DrawnApp, client: TestClient, ask: Ask, things: str) -> None:
    told = ask(f"sets/{things}")
    assert [(one["name"], one["caption"]) for one in told["pictures"]] == [(f"{number}.png", f"a {number} thing") for number in range(3)]
    thumb = client.get(f"/easel/{told['pictures'][0]['thumb']}")
    assert thumb.headers["content-type"] == "image/jpeg" and thumb.headers["x-content-type-options"] == "nosniff"
    looked = ask("look", {"set": things, "values": {"trigger": "sks"}})
    assert (looked["usable"], looked["captioned"], looked["findings"]) == (3, 3, []) or looked["findings"][0]["what"].startswith("3 pictures smaller")
    assert looked["sheet"].startswith("data:image/png;base64,")

    values = {"name": "my thing", "trigger": "sks", "steps": 30, "adapter.rank": 4, "learning.rate": 0.01, "data.flip": True, "loss.dropout": 0.2}
    values["prior.prompts"] = "a cat\n\n a dog "
    begun = ask("begin", {"set": things, "values": values})
    request = app.queue.get(begun["job"]).request
    assert isinstance(request, TrainingRequest) and (request.what, request.name, request.steps, request.adapter.rank) == ("lora", "my thing", 30, 4)
    assert (request.data.folder, request.data.flip, request.model) == (str(app.paths.datasets / things), True, "easel-starter")
    assert request.prior.prompts == ("a cat", "a dog")
    assert request.watching.prompts == ("sks, a 0 thing", "sks, a 1 thing"), "captions, where no prompt is given"
    assert "already" in ask("begin", {"set": things, "values": values}, status=400)["detail"]
    assert "being trained on" in ask(f"sets/{things}/take-out", {"picture": "0.png"}, status=503)["detail"]
    ask("runs/my thing/end", {"how": "stop"})
    assert app.queue.get(begun["job"]).state.value == "cancelled"
    ask(f"sets/{things}/take-out", {"picture": "0.png"})
    assert len(ask(f"sets/{things}")["pictures"]) == 2


@pytest.mark.usefixtures("held")
def test_what_is_said_before_a_job_is_made(app: DrawnApp, client: TestClient, ask: Ask, things: str) -> None:
    empty = ask("sets", {"name": "empty"})["name"]
    silent = ask("sets", {"name": "silent"})["name"]
    bring(client, silent, "a.png", png(1))
    (app.paths.models / "Lora").mkdir(parents=True)
    (app.paths.models / "Lora" / "taken.safetensors").write_bytes(b"")
    (app.paths.training / "begun" / "checkpoints").mkdir(parents=True)
    (app.paths.training / "begun" / "checkpoints" / "step-00000004.safetensors").write_bytes(b"")
    table = ask("sets", {"name": "table"})["name"]
    bring(client, table, "a.png", png(1))
    (app.paths.datasets / table / "metadata.csv").write_text("file_name,text\ngone.png,words\n")
    wrong: list[tuple[dict[str, Any], str, str, str]] = [
        ({"name": "x"}, "", "no pictures", ""),
        ({"name": "x"}, empty, "no pictures", ""),
        ({"name": "x"}, silent, "No picture has a caption, and there is no trigger word", ""),
        ({"name": "x"}, table, "gone.png", ""),
        ({}, things, "no name", "Name"),
        ({"name": "../x"}, things, "no usable name", "Name"),
        ({"name": "taken"}, things, "taken.safetensors already", "Name"),
        ({"name": "begun"}, things, "There is a run begun already", "Name"),
        ({"name": "x", "steps": 0}, things, "0", "Steps"),
        ({"name": "x", "adapter.rank": "many"}, things, "many", "Rank"),
        ({"name": "x", "model": "nobody"}, things, "nobody", "Checkpoint"),
    ]
    before = len(app.queue.jobs())
    for values, name, words, title in wrong:
        said = ask("begin", {"set": name, "values": values}, status=404 if "model" in values else 400)
        assert words in said["detail"] and said["title"] == (title or said["title"]), said
    assert "No picture has a caption" in json.dumps(ask("look", {"set": silent, "values": {}})["findings"])
    assert len(app.queue.jobs()) == before and not (app.paths.training / "x").exists()
    assert app.trainings.begin(TrainingRequest(name="ok", what="autoencoder", data=of_set(app, silent))), "words do not matter to it"


def of_set(app: DrawnApp, name: str) -> Pictures:
    return Pictures(folder=str(app.paths.datasets / name))


def test_a_full_disk_is_said_before(app: DrawnApp, ask: Ask, things: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: type("Usage", (), {"free": 2**20}))
    assert "room for 1 MB" in ask("begin", {"set": things, "values": {"name": "x"}}, status=507)["detail"]
    assert not app.queue.jobs()


def test_a_folder_of_this_machine_only_from_this_machine(app: DrawnApp, tab: train.Tab, ask: Ask, tmp_path: Path) -> None:
    theirs = folder(tmp_path / "theirs", 2)
    assert ask("sets")["near"]
    name = ask("take-over", {"folder": str(theirs)})["name"]
    assert [one["caption"] for one in ask(f"sets/{name}")["pictures"]] == ["a 0 thing", "a 1 thing"]
    for wrong in ("", "theirs", "\0", "/nowhere/at/all", str(theirs / "0.png")):
        ask("take-over", {"folder": wrong}, status=400)
    routes = trainings.routes(app, tab.form)
    for base, host, headers in (
        ("http://easel.example", "127.0.0.1", {}),
        ("http://127.0.0.1", "192.168.0.9", {}),
        ("http://127.0.0.1", "127.0.0.1", {"x-forwarded-for": "8.8.8.8"}),
    ):
        with TestClient(Starlette(routes=routes), base_url=base, client=(host, 5000)) as far:
            assert far.get("/easel/training/sets", headers=headers).json()["near"] is False
            answer = far.post("/easel/training/take-over", json={"folder": str(theirs)}, headers=headers)
            assert answer.status_code == 400 and "machine that Easel runs on" in answer.json()["detail"]
            begun = far.post("/easel/training/begin", json={"set": "x", "values": {"name": "x", "data.folder": str(theirs)}}, headers=headers)
            assert begun.status_code == 404, "a page names sets, never folders"


def test_only_pictures_and_only_from_the_page_itself(client: TestClient, ask: Ask, things: str) -> None:
    assert bring(client, things, "a.png", b"no picture").status_code == 400
    assert bring(client, things, "a.png", png(9), "text/plain").status_code == 400, "another site can send this without being asked first"
    assert bring(client, "nobody", "a.png", png(9)).status_code == 404
    assert client.post("/easel/training/begin", content="{}").status_code == 400
    assert len(ask(f"sets/{things}")["pictures"]) == 3
    for path, body in (
        ("sets", {"name": 3}),
        (f"sets/{things}/caption", {"picture": "0.png"}),
        ("begin", {"set": things, "values": []}),
        ("runs/x/end", {"how": "now"}),
    ):
        ask(path, body, status=400)
    for path in (f"sets/{things}/thumbs/../../x.png", f"sets/{things}/thumbs/.owner", "runs/x", "runs/..", "runs/x/samples/recipe.json"):
        assert client.get(f"/easel/training/{path}").status_code == 404


def run_of(app: DrawnApp, name: str, owner: str = "") -> Path:
    place = app.paths.training / name
    (place / "samples").mkdir(parents=True)
    request = TrainingRequest(name=name, trigger="sks", model="easel-starter", data=of_set(app, "things"))
    (place / "recipe.json").write_text(json.dumps({"request": to_dict(request), "facts": {}, "owner": owner}))
    rows = [{"step": 0, "measured": {"mse": 0.5, "r2": 0.2}, "held_out": False}, *({"step": step, "loss": 1 / step, "rate": 1e-4} for step in (1, 2))]
    (place / "curve.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for step in (0, 2):
        (place / "samples" / f"step-{step:08d}-01.png").write_bytes(png(step))
    return place


@pytest.mark.usefixtures("held")
def test_runs_are_seen_gone_on_with_and_discarded(app: DrawnApp, client: TestClient, ask: Ask, things: str) -> None:
    place = run_of(app, "my run")
    run_of(app, "hers", "ann")
    assert {run["name"] for run in ask("runs")["runs"]} == {"my run", "hers"} and [run["name"] for run in ask("runs", user="bob")["runs"]] == ["my run"]
    ask("runs/hers", user="bob", status=404)
    told = ask("runs/my run")
    assert told["stage"] == "begun" and told["curve"]["loss"] == [[1, 1.0], [2, 0.5]] and told["curve"]["measured"] == [[0, 0.5, 0.2, None, None]]
    assert [one["step"] for one in told["samples"]] == [0, 2] and told["prompts"] == ["sks"] and told["recipe"]["Rank"] == 8
    assert client.get(f"/easel/{told['samples'][1]['pictures'][0]}").content == (place / "samples" / "step-00000002-01.png").read_bytes()
    with open(place / "curve.jsonl", "a") as file:
        file.write('{"step": 3, "loss": null, "rate": 0.1}\n')
    assert ask("runs/my run")["curve"]["loss"][-1] == [3, None]

    assert "nothing to keep" in ask("runs/my run/go-on", {"keep": True}, status=400)["detail"]
    job = ask("runs/my run/go-on", {})["job"]
    assert ask("runs/my run/go-on", {"keep": True})["job"] == job, "it goes on since the button was drawn: that job is told, and no other one made"
    request = app.queue.get(job).request
    assert isinstance(request, TrainingRequest) and request.resume and request.data.folder == str(app.paths.datasets / things)
    assert (ask("runs/my run")["stage"], ask("runs/my run")["step"]) == ("queued", 3)
    assert "already" in ask("runs/my run/go-on", {}, status=400)["detail"]
    gone = ask("runs/my run/discard", {})["place"]
    assert gone.startswith("training/.discarded/my run") and (app.paths.data / gone / "recipe.json").is_file()
    with pytest.raises(NotFound):
        app.queue.get(job)
    assert [run["name"] for run in ask("runs")["runs"]] == ["hers"]
    assert app.queue.jobs()[0].request.KIND == "generation" and app.queue.live(app.queue.jobs()[0].id).cancel is Cancel.NONE, "nothing else was stopped"
