"""The page's routes, asked as a browser asks them, over the real queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from modules.core.request import GenerationRequest
from modules.ui import live
from modules.ui.pictures import Pictures
from tests.ui.conftest import DrawnApp


class Named:
    """Stands for the login in front of the routes: the user of the header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = dict(scope.get("headers", [])).get(b"x-test-user", b"").decode()
        await self.app({**scope, "state": {**scope.get("state", {}), "user": user}}, receive, send)


@pytest.fixture
def pictures(app: DrawnApp) -> Pictures:
    return Pictures(app.paths.outputs)


@pytest.fixture
def client(app: DrawnApp, pictures: Pictures) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=live.routes(app, pictures), middleware=[Middleware(Named)]), base_url="http://127.0.0.1:7860") as client:
        yield client


def small(**values: Any) -> GenerationRequest:
    return GenerationRequest(**{"prompt": "a cat", "steps": 3, "width": 64, "height": 72, "seed": 7, **values})


def test_idle(client: TestClient) -> None:
    answer = client.get("/easel/live").json()
    assert (answer["jobs"], answer["running"], answer["warmth"]) == ([], None, "")


def test_rows_are_sent_once(app: DrawnApp, client: TestClient) -> None:
    app.until(app.submit(small()).id, "done")
    first = client.get("/easel/live").json()
    assert [row["state"] for row in first["jobs"]] == ["done"]
    assert "jobs" not in client.get("/easel/live", params={"since": first["version"]}).json()
    app.until(app.submit(small()).id, "done")
    assert len(client.get("/easel/live", params={"since": first["version"]}).json()["jobs"]) == 2


def test_progress_and_preview(app: DrawnApp, client: TestClient) -> None:
    app.gate.clear()
    id = app.submit(small(count=2)).id
    app.until(id, "running")
    running = client.get("/easel/live").json()["running"]
    assert (running["id"], running["pictures"], running["preview"]) == (id, 2, None)
    app.gate.set()
    app.until(id, "done")
    assert client.get("/easel/live").json()["running"] is None


def test_finished_pictures_byte_for_byte(app: DrawnApp, client: TestClient) -> None:
    job = app.until(app.submit(small(count=2)).id, "done")
    detail = client.get(f"/easel/jobs/{job.id}").json()
    assert [picture["seed"] for picture in detail["pictures"]] == ["7", "8"]
    for picture, record in zip(detail["pictures"], job.pictures, strict=True):
        answer = client.get(f"/easel/{picture['url']}")
        assert answer.content == (app.paths.outputs / record.path).read_bytes()
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert picture["name"] in answer.headers["content-disposition"]
        thumb = client.get(f"/easel/{picture['thumb']}")
        assert thumb.content.startswith(b"\xff\xd8") and len(thumb.content) < 5000


def test_unsaved_pictures_can_be_seen(app: DrawnApp, client: TestClient, pictures: Pictures) -> None:
    ticket = app.submit(small(count=2), save=False)
    pictures.hold(ticket)
    app.until(ticket.id, "done")
    detail = client.get(f"/easel/jobs/{ticket.id}").json()
    contents = [client.get(f"/easel/{picture['url']}").content for picture in detail["pictures"]]
    assert len(set(contents)) == 2 and all(content.startswith(b"\x89PNG") for content in contents)
    assert not list(app.paths.outputs.rglob("*.png"))


def test_unsaved_pictures_of_nobody_are_gone(app: DrawnApp, client: TestClient) -> None:
    id = app.submit(small(), save=False).id
    app.until(id, "done")
    answer = client.get(f"/easel/jobs/{id}/pictures/0/x.png")
    assert answer.status_code == 404 and "not saved" in answer.json()["detail"]


def test_a_deleted_file_is_said(app: DrawnApp, client: TestClient) -> None:
    job = app.until(app.submit(small()).id, "done")
    (app.paths.outputs / job.pictures[0].path).unlink()
    answer = client.get(f"/easel/jobs/{job.id}/pictures/0/x.png")
    assert answer.status_code == 404 and answer.json()["remedy"]


@pytest.mark.parametrize("path", ["jobs/none", "jobs/none/pictures/0/x.png", "jobs/none/thumbs/0"])
def test_unknown_jobs(client: TestClient, path: str) -> None:
    answer = client.get(f"/easel/{path}")
    assert answer.status_code == 404 and answer.json()["error"] == "NotFound"


@pytest.mark.parametrize("number", ["1", "99999999999999999999"])
def test_unknown_pictures(app: DrawnApp, client: TestClient, number: str) -> None:
    id = app.submit(small()).id
    app.until(id, "done")
    assert client.get(f"/easel/jobs/{id}/pictures/{number}/x.png").status_code == 404
    assert client.get(f"/easel/jobs/{id}/thumbs/{number}").status_code == 404


def test_interrupt_and_skip(app: DrawnApp, client: TestClient) -> None:
    app.gate.clear()
    id = app.submit(small(count=3)).id
    app.until(id, "running")
    assert client.post(f"/easel/jobs/{id}/interrupt", json={"how": "skip"}).status_code == 200
    assert client.get("/easel/live").json()["running"]["cancel"] == "skip"
    app.gate.set()
    assert [record.seed for record in app.until(id, "done").pictures] == [8, 9]
    app.gate.clear()
    id = app.submit(small()).id
    app.until(id, "running")
    client.post(f"/easel/jobs/{id}/interrupt", json={"how": "stop"})
    app.gate.set()
    assert app.until(id, "cancelled").pictures == ()


def test_order_of_those_that_wait(app: DrawnApp, client: TestClient) -> None:
    app.gate.clear()
    ids = [app.submit(small(seed=seed)).id for seed in range(4)]
    app.until(ids[0], "running")
    assert client.post(f"/easel/jobs/{ids[3]}/move", json={"position": 0}).status_code == 200
    client.post(f"/easel/jobs/{ids[1]}/interrupt", json={"how": "stop"})
    rows = client.get("/easel/live").json()["jobs"]
    assert [(row["id"], row["ahead"]) for row in rows if row["state"] in ("running", "queued")] == [(ids[0], 0), (ids[3], 1), (ids[2], 2)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("interrupt", {"how": "none"}),
        ("interrupt", {"how": ["stop"]}),
        ("interrupt", {}),
        ("interrupt", []),
        ("move", {"position": "0"}),
        ("move", {"position": True}),
        ("move", {}),
    ],
)
def test_bad_questions(app: DrawnApp, client: TestClient, path: str, body: Any) -> None:
    app.gate.clear()
    id = app.submit(small()).id
    answer = client.post(f"/easel/jobs/{id}/{path}", json=body)
    assert answer.status_code == 400 and answer.json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_site_cannot_ask(app: DrawnApp, client: TestClient, kind: str) -> None:
    app.gate.clear()
    id = app.submit(small()).id
    app.until(id, "running")
    answer = client.post(f"/easel/jobs/{id}/interrupt", content=b'{"how": "stop"}', headers={"content-type": kind})
    assert answer.status_code == 400
    assert client.get("/easel/live").json()["running"]["cancel"] == "none"


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b'{"texts": ' + b" " * 500_000 + b"[]}", b"\xff\xfe"])
def test_nonsense(client: TestClient, content: bytes) -> None:
    assert client.post("/easel/tokens", content=content, headers={"content-type": "application/json"}).status_code == 400


def test_tokens(client: TestClient) -> None:
    answer = client.post("/easel/tokens", json={"model": "", "texts": ["", "a rocket under a night sky", "a cat " * 60]}).json()
    assert answer["counts"][0] == [0, 75]
    assert 3 < answer["counts"][1][0] < 20 and answer["counts"][1][1] == 75
    assert answer["counts"][2][1] == 150


@pytest.mark.parametrize("question", [{"texts": ["x" * 20_001]}, {"texts": "x"}, {"texts": [1]}, {"model": 5, "texts": []}, {"texts": ["x"] * 9}])
def test_bad_token_questions(client: TestClient, question: Any) -> None:
    assert client.post("/easel/tokens", json=question).status_code == 400


def test_the_tokens_of_an_unknown_model(client: TestClient) -> None:
    assert client.post("/easel/tokens", json={"model": "nothing like it", "texts": ["a"]}).status_code == 404


def test_users_see_their_own_and_what_belongs_to_nobody(app: DrawnApp, client: TestClient) -> None:
    ids = {owner: app.submit(small(prompt=f"of {owner or 'nobody'}"), owner=owner).id for owner in ("ann", "bob", "")}
    for id in ids.values():
        app.until(id, "done")
    seen = client.get("/easel/live", headers={"x-test-user": "ann"}).json()["jobs"]
    assert {row["id"] for row in seen} == {ids["ann"], ids[""]}
    assert client.get(f"/easel/jobs/{ids['bob']}", headers={"x-test-user": "ann"}).status_code == 404
    assert client.get(f"/easel/jobs/{ids['bob']}/pictures/0/x.png", headers={"x-test-user": "ann"}).status_code == 404
    assert client.get(f"/easel/jobs/{ids['bob']}").status_code == 200


def test_anothers_job_is_there_but_says_nothing_and_cannot_be_touched(app: DrawnApp, client: TestClient) -> None:
    app.gate.clear()
    id = app.submit(small(prompt="a secret"), owner="bob").id
    app.until(id, "running")
    answer = client.get("/easel/live", headers={"x-test-user": "ann"})
    assert "secret" not in answer.text
    assert answer.json()["running"] is None
    assert [(row["id"], row["own"]) for row in answer.json()["jobs"]] == [(id, False)]
    assert client.post(f"/easel/jobs/{id}/interrupt", json={"how": "stop"}, headers={"x-test-user": "ann"}).status_code == 404


def test_folders_open_only_where_the_browser_is_on_this_machine(app: DrawnApp, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(live, "has_desktop", lambda: True)
    monkeypatch.setattr(Pictures, "open_folder", lambda self, job, number: opened.append((job.id, number)))
    id = app.submit(small()).id
    app.until(id, "done")
    path = f"/easel/jobs/{id}/pictures/0/folder"
    assert client.post(path, json={}).status_code == 400  # the test client's address is "testclient"
    near = TestClient(client.app, base_url="http://localhost:7860", client=("127.0.0.1", 5))
    assert near.post(path, json={}, headers={"x-forwarded-for": "1.2.3.4"}).status_code == 400
    assert near.post(path, json={}, headers={"host": "easel.example"}).status_code == 400
    assert opened == []
    assert near.post(path, json={}).status_code == 200
    assert near.get(f"/easel/jobs/{id}").json()["pictures"][0]["folder"] is True
    assert opened == [(id, 0)]


def test_a_failure_tells_what_to_do(app: DrawnApp, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from modules.core.errors import OutOfMemory

    def fail(*given: Any) -> None:
        raise OutOfMemory("There is no room for this.", "Make it smaller.")

    monkeypatch.setattr(app.drawing, "run", fail)
    id = app.submit(small()).id
    app.until(id, "failed")
    assert client.get("/easel/live").json()["jobs"][0]["error"] == "There is no room for this. Make it smaller."
