"""POST /v1/prompt: tokens and weights at once, their effects when the model is free."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.api.conftest import Server

WISH = {"prompt": "a (red:1.5) cat AND [dog] BREAK sky :0.5", "negative_prompt": "blurry", "steps": 4, "sampler": "Euler"}


def words(reply: dict[str, Any], part: int = 0) -> list[list[str]]:
    return [[token["text"] for token in chunk["tokens"]] for chunk in reply["prompt"][part]["texts"][0]["chunks"]]


def test_tokens_and_weights_without_the_model(server: Server) -> None:
    server.app.painter.gate.clear()
    job = server.client.post("/v1/jobs", json={"prompt": "x", "steps": 4}).json()
    server.until(lambda: server.app.queue.live(job["id"]).job.state.value == "running")
    reply = server.client.post("/v1/prompt?measure=false", json=WISH)
    assert reply.status_code == 200
    found = reply.json()
    assert (found["measured"], found["calls"], found["emphasis"]) == (False, 4, "Original")
    assert words(found) == [["a", "red", "cat"]] and words(found, 1) == [["dog"], ["sky"]]
    assert [part["weight"] for part in found["prompt"]] == [1.0, 0.5]
    red = found["prompt"][0]["texts"][0]["chunks"][0]["tokens"][1]
    assert red["weight"] == 1.5 and red["original"] == {"factor": None, "change": None} and red["compel"] == {"scale": 1.5, "share": 0.0, "change": None}

    busy = server.client.post("/v1/prompt", json=WISH)
    assert (busy.status_code, busy.json()["error"]) == (503, "Unavailable") and busy.json()["remedy"]
    server.app.painter.gate.set()


def test_effects_from_the_real_text_encoder(drawing: Server) -> None:
    found = drawing.client.post("/v1/prompt", json={**WISH, "prompt": "a (red:1.5) [cat]"}).json()
    assert found["measured"]
    tokens = found["prompt"][0]["texts"][0]["chunks"][0]["tokens"]
    assert [token["text"] for token in tokens] == ["a", "red", "cat"]
    assert all(token["original"]["change"] > 0 and token["compel"]["change"] > 0 for token in tokens[1:])
    again = drawing.client.post("/v1/prompt?measure=false", json={**WISH, "prompt": "a (red:1.5) [cat]"}).json()
    for one, other in zip(tokens, again["prompt"][0]["texts"][0]["chunks"][0]["tokens"], strict=True):
        assert {**one, "original": 0, "compel": 0} == {**other, "original": 0, "compel": 0}


@pytest.mark.parametrize("query", ["", "?measure=false"])
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"prompt": 3}, 400, "prompt"),
        ({"promt": "x"}, 400, "promt"),
        ({"prompt": "x" * 20_001}, 400, "prompt"),
        ({"prompt": "cat " * 3500}, 400, "prompt"),
        ({"model": "nowhere"}, 404, "model"),
        ({"sampler": "Eular"}, 400, "sampler"),
    ],
)
def test_what_is_not_usable(drawing: Server, body: dict[str, Any], status: int, field: str, query: str) -> None:
    reply = drawing.client.post(f"/v1/prompt{query}", json=body)
    assert (reply.status_code, reply.json()["field"]) == (status, field)
    assert len(reply.text) < 1000


def test_it_is_described(steady: Server) -> None:
    told = steady.client.get("/openapi.json").json()["paths"]["/v1/prompt"]["post"]
    assert "prompt" in told["requestBody"]["content"]["application/json"]["schema"]["properties"]
    answer = told["responses"]["200"]["content"]["application/json"]["schema"]
    assert {"prompt", "negative_prompt", "calls", "emphasis", "measured"} == set(answer["properties"])
    token = answer["properties"]["prompt"]["items"]["properties"]["texts"]["items"]["properties"]["chunks"]["items"]["properties"]["tokens"]["items"]
    assert {"text", "weight", "original", "compel"} <= set(token["properties"])
    assert "POST /v1/prompt" in steady.client.get("/docs").text


def test_nothing_of_a_prompt_is_logged(drawing: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    drawing.client.post("/v1/prompt", json={"prompt": "unmistakable zebra"})
    drawing.client.post("/v1/prompt", json={"prompt": "unmistakable zebra " * 3000})
    sys.stderr.flush()
    assert "unmistakable" not in caplog.text + "".join(capfd.readouterr())
