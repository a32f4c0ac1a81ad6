from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from modules.api.replies import STATUS, answer_for, status_of
from modules.api.server import Quiet, routes
from modules.core import errors
from modules.core.errors import EaselError
from modules.core.options import Options, ServeOptions
from modules.core.params import walk
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from tests.api.conftest import Server
from tests.api.painting import PaintedApp


def test_openapi_describes_both_apis(steady: Server) -> None:
    schema = steady.client.get("/openapi.json").json()
    txt2img = schema["paths"]["/sdapi/v1/txt2img"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert txt2img["properties"]["steps"]["default"] == 50
    jobs = schema["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(jobs["properties"]) == {field.path[0] for field in walk(GenerationRequest)}


def test_references_in_openapi_lead_somewhere(steady: Server) -> None:
    schema = steady.client.get("/openapi.json").json()
    for reference in re.findall(r'"\$ref": ?"#/([^"]+)"', steady.client.get("/openapi.json").text):
        place = schema
        for part in reference.split("/"):
            place = place[part]


def test_documentation_loads_nothing(steady: Server) -> None:
    reply = steady.client.get("/docs")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert "POST /sdapi/v1/txt2img" in reply.text
    assert not re.search(r"<script|<link|<img|https?://", reply.text)


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect"])
def test_pages_of_fastapi_are_off(steady: Server, path: str) -> None:
    assert steady.client.get(path).status_code == 404


def test_without_the_api_only_the_ping_answers(tmp_path: Path) -> None:
    app = PaintedApp(Options(paths=Paths(data=tmp_path, models=tmp_path / "models"), serve=ServeOptions(api=False)))
    client = TestClient(Starlette(routes=routes(app, app.options)))
    assert client.get("/internal/ping").status_code == 200
    assert client.get("/sdapi/v1/options").status_code == 404
    assert len(routes(app, replace(app.options, serve=ServeOptions()))) > 1
    app.queue.close()


@pytest.mark.parametrize(("kind", "status"), STATUS.items(), ids=lambda value: getattr(value, "__name__", str(value)))
def test_status_of_each_kind(kind: type[EaselError], status: int) -> None:
    assert status_of(kind("x")) == status
    assert answer_for(kind("x", "y", "z")).status_code == status


def test_every_kind_of_the_tree_has_a_status() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EaselError)} - {EaselError}
    assert set(STATUS) <= kinds
    assert {kind for kind in kinds if status_of(kind("x")) == 500} == set()


def test_what_nobody_foresaw_is_answered_and_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("the secret prompt")

    with caplog.at_level(logging.DEBUG):
        reply = TestClient(Quiet(broken)).get("/sdapi/v1/x")
    assert reply.status_code == 500
    assert set(reply.json()) >= {"error", "detail", "body", "errors"}
    assert "ValueError" in caplog.text
    assert "test_server.py" in caplog.text
    assert "secret" not in caplog.text + reply.text


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({"ok": True})(scope, receive, send)
        raise ValueError

    assert TestClient(Quiet(broken)).get("/x").json() == {"ok": True}


def test_addresses_keep_the_prefix_of_a_proxy(steady: Server) -> None:
    client = TestClient(Starlette(routes=routes(steady.app, steady.app.options)), root_path="/art")
    assert client.get("/art/sdapi/v1/samplers").status_code == 200
    reply = client.post("/art/v1/jobs", json={"prompt": "a pear", "steps": 1, "width": 64, "height": 64})
    assert reply.headers["location"].startswith("/art/v1/jobs/")
    steady.until(lambda: not steady.app.queue.jobs())
    job = client.get(reply.headers["location"]).json()
    assert client.get(job["pictures"][0]["url"]).headers["content-type"] == "image/png"
