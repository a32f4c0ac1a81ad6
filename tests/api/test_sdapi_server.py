"""Routes that act on the server itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modules.api.server import routes
from modules.core.options import Options, ServeOptions
from modules.core.paths import Paths
from tests.api.conftest import Server
from tests.api.painting import PaintedApp
from tests.api.test_sdapi import draw


def test_models_are_let_go_and_loaded_again(server: Server) -> None:
    draw(server.client)
    assert server.client.post("/sdapi/v1/unload-checkpoint").json() == {}
    assert server.app.painter.loaded is False
    assert server.client.post("/sdapi/v1/reload-checkpoint").json() == {}
    assert server.app.painter.loaded is True


def test_models_are_let_go_between_two_jobs(server: Server) -> None:
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        job = pool.submit(draw, server.client)
        server.until(lambda: len(server.app.queue.jobs()) == 1)
        reply = pool.submit(server.client.post, "/sdapi/v1/unload-checkpoint")
        assert server.client.get("/internal/ping").status_code == 200
        assert server.app.painter.loaded is True
        server.app.painter.gate.set()
        assert reply.result().json() == {}
        assert job.result()["images"]
    assert server.app.painter.loaded is False


def test_a_server_that_is_closing_says_so(server: Server) -> None:
    server.app.worker.stop()
    for path in ("unload-checkpoint", "reload-checkpoint"):
        assert server.client.post(f"/sdapi/v1/{path}").status_code == 503
    server.app.queue.close()
    reply = server.client.post("/sdapi/v1/txt2img", json={"prompt": "a pear", "width": 64, "height": 64})
    assert (reply.status_code, reply.json()["error"]) == (503, "Unavailable")


@pytest.mark.parametrize("path", ["server-stop", "server-kill"])
def test_a_server_is_stopped_only_where_the_command_line_allows_it(tmp_path: Path, path: str) -> None:
    app = PaintedApp(Options(paths=Paths(data=tmp_path, models=tmp_path / "models")))
    stopped: list[str] = []

    def client(options: Options) -> TestClient:
        return TestClient(Starlette(routes=routes(app, options, lambda: stopped.append(path))))

    assert client(app.options).post(f"/sdapi/v1/{path}").status_code == 404
    allowed = client(replace(app.options, serve=ServeOptions(api_server_stop=True)))
    assert allowed.get(f"/sdapi/v1/{path}").status_code == 405
    assert stopped == []
    assert allowed.post(f"/sdapi/v1/{path}").status_code == 200
    assert stopped == [path]
    assert allowed.post("/sdapi/v1/server-restart").json()["error"] == "Unsupported"
    app.queue.close()
