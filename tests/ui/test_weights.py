"""The page's question for a prompt's tokens, over the App without an engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modules.core.params import walk
from modules.core.request import GenerationRequest
from modules.ui import fields, weights
from tests.ui.conftest import DrawnApp


@pytest.fixture
def client(app: DrawnApp) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=weights.routes(app)), base_url="http://127.0.0.1:7860") as client:
        yield client


def asked(client: TestClient, **question: Any) -> dict[str, Any]:
    reply = client.post("/easel/prompt", json=question)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_tokens_at_once_with_what_the_widgets_hold(client: TestClient) -> None:
    values = {field.name: fields.shown(field, field.default)["value"] for field in walk(GenerationRequest) if field.name != "script.args"}
    held = {**values, "steps": 8, "sampler": "Heun", "text.emphasis": "compel"}
    found = asked(client, prompt="a (cat:1.2)", negative_prompt="dog", model="", values=held)
    assert (found["measured"], found["calls"], found["emphasis"]) == (False, 16, "compel")
    assert [token["weight"] for token in found["prompt"][0]["texts"][0]["chunks"][0]["tokens"]] == [1.0, 1.2]
    listed = asked(client, prompt="", values={**values, "spacing.sigmas": "9, 3, 1", "sampler": "Euler"})
    assert listed["calls"] == 3


def test_effects_come_from_the_worker_unless_it_is_busy(app: DrawnApp, client: TestClient) -> None:
    assert asked(client, prompt="a cat", values={}, measure=True)["measured"]
    app.gate.clear()
    ticket = app.submit(GenerationRequest(prompt="x", steps=3, width=64, height=64))
    app.until(ticket.id, "running")
    busy = asked(client, prompt="a cat", values={}, measure=True)
    assert not busy["measured"] and "busy" in busy["why"]
    assert [token["text"] for token in busy["prompt"][0]["texts"][0]["chunks"][0]["tokens"]] == ["a", "cat"]
    app.gate.set()
    app.until(ticket.id, "done")
    assert asked(client, prompt="a cat", values={}, measure=True)["measured"]


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({"prompt": "x", "values": []}, 400),
        ({"prompt": "x", "values": {}, "measure": "yes"}, 400),
        ({"prompt": 3, "values": {}}, 400),
        ({"prompt": "x", "model": 3}, 400),
        ({"prompt": "x", "model": "nowhere"}, 404),
        ({"prompt": "x" * 20_001}, 400),
        ({"prompt": "cat " * 3500}, 400),
        ({"prompt": "x", "values": {"steps": "many"}}, 400),
        ({"prompt": "x", "values": {"sampler": "Eular"}}, 400),
        ({"prompt": "x", "values": {"spacing.sigmas": "1, 2"}}, 400),
    ],
)
def test_what_is_not_usable_is_said(client: TestClient, question: dict[str, Any], status: int) -> None:
    reply = client.post("/easel/prompt", json=question)
    assert reply.status_code == status and reply.json()["detail"]


def test_it_insists_on_json(client: TestClient) -> None:
    assert client.post("/easel/prompt", content=b"prompt=x").status_code == 400
