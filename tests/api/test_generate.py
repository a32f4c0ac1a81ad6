"""Our own API: submit, watch, cancel, history, pictures, rerun."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.jobs.job import State
from tests.api.conftest import Server
from tests.api.painting import PREVIEW, colour

SMALL = {"prompt": "a pear", "width": 64, "height": 64, "steps": 2, "seed": 7}


def submit(client: httpx.Client, **request: Any) -> dict[str, Any]:
    reply = client.post("/v1/jobs", json={**SMALL, **request})
    assert reply.status_code == 202, reply.text
    assert reply.headers["location"] == f"/v1/jobs/{reply.json()['id']}"
    return reply.json()


def finished(client: httpx.Client, id: str) -> dict[str, Any]:
    return list(events(client, id))[-1][1]


def events(client: httpx.Client, id: str, query: str = "") -> Iterator[tuple[str, Any]]:
    """Those of a job, until its stream ends."""
    name = ""
    with client.stream("GET", f"/v1/jobs/{id}/events{query}") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def test_what_is_left_out_suits_the_model(steady: Server) -> None:
    job = submit(steady.client, text={"clip_skip": 2})
    suited = steady.app.default_request()
    request = from_dict(GenerationRequest, job["request"])
    assert (request.sampler, request.cfg_scale, request.text.clip_skip, request.steps) == (suited.sampler, suited.cfg_scale, 2, 2)


def test_a_job_from_submission_to_picture(server: Server) -> None:
    job = submit(server.client, count=2)
    seen = list(events(server.client, job["id"]))
    assert [name for name, _ in seen if name != "progress"] == ["picture", "picture", "end"]
    end = seen[-1][1]
    assert (end["state"], [row["seed"] for row in end["pictures"]]) == ("done", [7, 8])
    assert end == server.client.get(f"/v1/jobs/{job['id']}").json()
    reply = server.client.get(end["pictures"][0]["url"])
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.content == (server.app.paths.outputs / end["pictures"][0]["file"]).read_bytes()
    assert finished(server.client, job["id"]) == end


@pytest.mark.parametrize(("query", "shown"), [("", False), ("?preview=true", True)])
def test_progress_is_sent_as_it_comes(server: Server, query: str, shown: bool) -> None:
    server.app.painter.gate.clear()
    job = submit(server.client, steps=4)
    server.until(lambda: server.app.queue.live(job["id"]).preview is not None)
    stream = events(server.client, job["id"], query)
    name, first = next(stream)
    assert (name, first["state"], first["progress"]["steps"]) == ("progress", "running", 4)
    assert ("preview" in first) is shown
    if shown:
        assert base64.b64decode(first["preview"]) == PREVIEW
    server.app.painter.gate.set()
    assert list(stream)[-1][0] == "end"


def test_cancel(server: Server) -> None:
    server.app.painter.gate.clear()
    running, waiting = submit(server.client, steps=50), submit(server.client)
    server.until(lambda: server.app.queue.get(running["id"]).state is State.RUNNING)
    assert [job["id"] for job in server.client.get("/v1/jobs").json()] == [running["id"], waiting["id"]]
    assert server.client.post(f"/v1/jobs/{waiting['id']}/cancel").json()["state"] == "cancelled"
    assert server.client.post(f"/v1/jobs/{running['id']}/cancel?how=stop").json()["cancel"] == "stop"
    server.app.painter.gate.set()
    assert finished(server.client, running["id"])["state"] == "cancelled"
    assert server.client.post(f"/v1/jobs/{running['id']}/cancel?how=later").status_code == 422


def test_history_by_pages(server: Server) -> None:
    ids = [submit(server.client, seed=seed)["id"] for seed in range(3)]
    finished(server.client, ids[-1])
    newest = server.client.get("/v1/history?limit=2").json()
    assert [job["id"] for job in newest] == ids[:0:-1]
    older = server.client.get(f"/v1/history?before={newest[-1]['id']}").json()
    assert [job["id"] for job in older] == ids[:1]
    assert older[0]["pictures"][0]["seed"] == 0


@pytest.mark.parametrize("form", [False, True])
def test_rerun_makes_the_same_picture(server: Server, form: bool) -> None:
    first = finished(server.client, submit(server.client, seed=300, text={"clip_skip": 3})["id"])
    file = server.client.get(first["pictures"][0]["url"]).content
    reply = server.client.post("/v1/rerun", files={"file": ("a.png", file)}) if form else server.client.post("/v1/rerun", content=file)
    assert reply.status_code == 202
    told = reply.json()
    assert told["source"] == "Easel"
    assert all(row["state"] == "restored" for row in told["rows"])
    again = finished(server.client, told["id"])
    assert again["resolved"] == first["resolved"] | {"count": 1}
    assert server.client.get(again["pictures"][0]["url"]).content == file


@pytest.mark.parametrize("body", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_rerun_of_what_is_no_picture(steady: Server, body: bytes) -> None:
    reply = steady.client.post("/v1/rerun", content=body)
    assert (reply.status_code, reply.json()["error"]) == (400, "BadPicture")


def test_rerun_of_a_form_without_a_file(steady: Server) -> None:
    reply = steady.client.post("/v1/rerun", files={"other": (None, "text")})
    assert (reply.status_code, reply.json()["error"]) == (400, "BadPicture")


@pytest.mark.parametrize(
    ("request_", "status", "field"),
    [
        ({"promt": "a pear"}, 400, "promt"),
        ({"steps": 0}, 400, "steps"),
        ({"spacing": {"sigmas": [1, 2]}}, 400, "spacing.sigmas"),
        ({"spacing": {"sigmas": "one, two"}}, 400, "spacing.sigmas"),
        ({"spacing": {"sigmas": [9, 2]}, "sampler": "DDIM"}, 400, "spacing.sigmas"),
        ({"text": {"clip_skip": "x"}}, 400, "text.clip_skip"),
        ({"text": 3}, 400, "text"),
        ({"model": "nowhere"}, 404, "model"),
        ({"model": 3}, 422, "model"),
    ],
)
def test_requests_that_are_not_usable(steady: Server, request_: dict[str, Any], status: int, field: str) -> None:
    reply = steady.client.post("/v1/jobs", json=request_)
    assert (reply.status_code, reply.json()["field"]) == (status, field)


def test_jobs_of_others_are_not_there(guarded: Server) -> None:
    ann, bob = guarded.as_user("ann"), guarded.as_user("bob")
    job = finished(ann, submit(ann)["id"])
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        assert bob.request(method, f"/v1/jobs/{job['id']}{path}").status_code == 404
    assert bob.get(job["pictures"][0]["url"]).status_code == 404
    assert bob.get("/v1/history").json() == []
    assert [row["id"] for row in ann.get("/v1/history").json()] == [job["id"]]
    assert ann.get(job["pictures"][0]["url"]).status_code == 200


def test_a_picture_whose_file_is_gone(server: Server) -> None:
    job = finished(server.client, submit(server.client)["id"])
    (server.app.paths.outputs / job["pictures"][0]["file"]).unlink()
    assert server.client.get(job["pictures"][0]["url"]).status_code == 404
    assert server.client.get("/v1/pictures/999").status_code == 404


def test_the_colour_is_the_seeds(server: Server) -> None:
    job = finished(server.client, submit(server.client, seed=513)["id"])
    with Image.open(server.app.paths.outputs / job["pictures"][0]["file"]) as image:
        assert image.getpixel((0, 0)) == colour(513)


@pytest.mark.parametrize("form", [False, True])
def test_a_picture_is_kept_and_started_from(server: Server, form: bool) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "green").save(file, "png")
    sent: dict[str, Any] = {"files": {"file": ("pear.png", file.getvalue())}} if form else {"content": file.getvalue()}
    reply = server.client.post("/v1/inputs", **sent)
    assert reply.status_code == 201
    assert server.app.blobs.get(reply.json()["reference"]) == file.getvalue()
    job = submit(server.client, init={"image": reply.json()["reference"], "strength": 0.4})
    assert finished(server.client, job["id"])["state"] == "done"
    assert (server.app.painter.seen[-1].init.image, server.app.painter.seen[-1].init.strength) == (reply.json()["reference"], 0.4)


def test_what_is_no_picture_is_not_kept(server: Server) -> None:
    assert server.client.post("/v1/inputs", content=b"no picture").json()["error"] == "BadPicture"
    assert not server.app.paths.inputs.exists()


def test_pictures_that_are_not_saved_must_fit_into_memory(server: Server) -> None:
    wish = {"count": 200, "width": 2048, "height": 2048, "steps": 1}
    server.app.settings.change("samples_save", False)
    refused = server.client.post("/v1/jobs", json=wish)
    assert (refused.status_code, refused.json()["field"]) == (400, "count")
    server.app.settings.change("samples_save", True)
    server.app.painter.gate.clear()
    accepted = submit(server.client, **wish)
    server.client.post(f"/v1/jobs/{accepted['id']}/cancel")
    server.app.painter.gate.set()
