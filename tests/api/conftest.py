"""A running server with the API on it, and clients that speak to it over a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from modules.app import App
from modules.core.options import DeviceOptions, Options
from modules.core.paths import Paths
from tests.api.painting import PaintedApp, checkpoint, service
from tests.networks import tiny

PATIENCE = 60.0
LOGINS = {"ann": "a", "bob": "b"}


@dataclass
class Server:
    """app: a PaintedApp, or the App as it is. client: without a login. as_user: one that sends a login."""

    app: Any
    url: str
    client: httpx.Client
    as_user: Callable[[str], httpx.Client]

    def until(self, holds: Callable[[], bool]) -> None:
        """Waits for something to become true, looking again at each change of the queue."""
        for _ in range(10_000):
            version = self.app.queue.version
            if holds():
                return
            assert self.app.queue.wait(version, PATIENCE) != version or holds(), "nothing changed any more"
        raise AssertionError("it never became true")


def serve(tmp_path: Path, logins: dict[str, str]) -> Iterator[Server]:
    models = tmp_path / "models"
    checkpoint(models / "Stable-diffusion" / "one.safetensors", 1)
    checkpoint(models / "Stable-diffusion" / "two.safetensors", 2)
    app = PaintedApp(Options(paths=Paths(data=tmp_path, models=models)))
    yield from served(app, logins)


def served(app: App, logins: dict[str, str]) -> Iterator[Server]:
    app.start()
    server = uvicorn.Server(uvicorn.Config(service(app, logins), log_level="warning", lifespan="off"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clients: list[httpx.Client] = []

    def client(login: str = "") -> httpx.Client:
        auth = (login, logins[login]) if login else None
        clients.append(httpx.Client(base_url=url, auth=auth, timeout=PATIENCE, trust_env=False))
        return clients[-1]

    yield Server(app, url, client(), client)
    if isinstance(app, PaintedApp):
        app.painter.gate.set()
    app.stop()
    for one in clients:
        one.close()
    server.should_exit = True
    thread.join(PATIENCE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One without logins."""
    yield from serve(tmp_path, {})


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    """One with two logins."""
    yield from serve(tmp_path, LOGINS)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with two tiny checkpoints of the real classes, "tiny-one" and "tiny-two"."""
    models = tmp_path_factory.mktemp("tiny") / "models"
    for seed, name in enumerate(("tiny-one", "tiny-two")):
        tiny.save_single(models / "Stable-diffusion" / f"{name}.safetensors", tiny.ldm_tensors(*tiny.parts(seed)))
    return models


@pytest.fixture(scope="session")
def drawing(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The App as it is, with the real engine and the two tiny checkpoints; "tiny-one" is the default. Tests leave its options as they were."""
    yield from served(tiny_app(tiny_models, tmp_path_factory.mktemp("drawing")), {})


def tiny_app(models: Path, data: Path) -> App:
    return App(Options(paths=Paths(data=data, models=models), device=DeviceOptions(device="cpu")))


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One without logins for all tests of a file; they leave it as it was."""
    yield from serve(tmp_path_factory.mktemp("steady"), {})
