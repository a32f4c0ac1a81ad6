"""Earlier prompts, what can be inserted, the Extensions tab's routes: asked as a browser asks them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from modules.core.request import GenerationRequest
from modules.ui import extensions, words
from tests.ui.conftest import DrawnApp
from tests.ui.test_live import Named, small


@pytest.fixture
def client(app: DrawnApp) -> Iterator[TestClient]:
    middleware = [Middleware(Named)]
    with TestClient(Starlette(routes=[*words.routes(app), *extensions.routes(app)], middleware=middleware), base_url="http://127.0.0.1:7860") as client:
        yield client


def done(app: DrawnApp, owner: str = "", **values: Any) -> None:
    app.until(app.submit(small(**values), owner=owner).id, "done")


def found(client: TestClient, find: str = "", user: str = "") -> list[str]:
    answer = client.get("/easel/words", params={"find": find}, headers={"x-test-user": user} if user else {})
    assert answer.status_code == 200
    return [one["prompt"] for one in answer.json()["words"]]


def test_earlier_prompts_come_newest_first_and_once(app: DrawnApp, client: TestClient) -> None:
    assert found(client) == []
    app.paths.styles.write_text("name,prompt\nfilm,film grain\n", "utf-8")
    for prompt, negative in (("a cat", ""), ("A __thing__", "grey"), ("a cat", ""), ("a cat", "grey"), (" ", "x")):
        done(app, prompt=prompt, negative_prompt=negative, styles=("film",) if negative else ())
    answer = client.get("/easel/words").json()["words"]
    assert answer == [
        {"prompt": "a cat", "negative_prompt": "grey", "styles": ["film"]},
        {"prompt": "a cat", "negative_prompt": "", "styles": []},
        {"prompt": "A __thing__", "negative_prompt": "grey", "styles": ["film"]},
    ]
    assert found(client, "THING") == ["A __thing__"] and found(client, "grey") == ["a cat", "A __thing__"] and found(client, "%") == []


def test_nobody_reads_anothers_prompts(app: DrawnApp, client: TestClient) -> None:
    done(app, "ann", prompt="ann's")
    done(app, "", prompt="anyone's")
    assert found(client, user="bob") == ["anyone's"] and found(client, user="ann") == ["anyone's", "ann's"]


def test_without_a_prompt_history_none_is_offered(app: DrawnApp, client: TestClient) -> None:
    done(app, prompt="a cat")
    app.options = dataclasses.replace(app.options, prompt_history=False)
    answer = client.get("/easel/words")
    assert answer.status_code == 400 and "--no-prompt-history" in answer.json()["detail"] and "cat" not in answer.text


def test_a_stored_request_of_another_version_gives_what_words_it_has(app: DrawnApp, client: TestClient) -> None:
    done(app, prompt="a cat")
    with app.store._database.writing() as rows:
        rows.execute('UPDATE jobs SET request = \'{"prompt": "older", "negative_prompt": 3, "gone": 1, "styles": [1, "film"]}\'')
    assert client.get("/easel/words").json()["words"] == [{"prompt": "older", "negative_prompt": "", "styles": ["film"]}]
    with app.store._database.writing() as rows:
        rows.execute("UPDATE jobs SET request = '[]'")
    assert found(client) == []


def test_what_extensions_offer(app: DrawnApp, client: TestClient) -> None:
    (app.paths.data / "wildcards").mkdir()
    (app.paths.data / "wildcards" / "thing.txt").write_text("rocket\npanda", "utf-8")
    assert client.get("/easel/insertions").json() == {"insertions": [{"text": "__thing__", "about": "2: rocket, panda"}]}
    assert client.post("/easel/extensions", json={"name": "wildcards", "on": False}).status_code == 200
    assert client.get("/easel/insertions").json() == {"insertions": []}


def test_extensions_are_listed_switched_and_looked_for(app: DrawnApp, client: TestClient) -> None:
    answer = client.get("/easel/extensions").json()
    assert answer["enabled"] and [(one["name"], one["state"], one["place"]) for one in answer["extensions"]] == [("wildcards", "on", "came with Easel")]
    own = app.paths.data / "extensions" / "broken"
    own.mkdir(parents=True)
    (own / "extension.py").write_text("1 / 0\n")
    rows = {one["name"]: one for one in client.post("/easel/extensions/look", json={}).json()["extensions"]}
    assert rows["broken"]["state"] == "failed" and "ZeroDivisionError" in rows["broken"]["trouble"] and rows["broken"]["place"] == str(own)
    off = client.post("/easel/extensions", json={"name": "wildcards", "on": False}).json()["extensions"]
    assert {one["name"]: one["state"] for one in off} == {"broken": "failed", "wildcards": "off"}
    assert app.settings.value.disabled_extensions == "wildcards"
    made = app.extensions.prepare(GenerationRequest(prompt="{a|b}"), lambda note: None)
    assert made.prompt == "{a|b}", "it acts at once"
    on = client.post("/easel/extensions", json={"name": "wildcards", "on": True}).json()["extensions"]
    assert on[-1]["state"] == "on" and app.settings.value.disabled_extensions == ""


@pytest.mark.parametrize(
    ("question", "status"), [({"name": "nobody", "on": True}, 404), ({"name": "wildcards", "on": "yes"}, 400), ({}, 400), ({"name": 3, "on": True}, 400)]
)
def test_a_switch_that_is_none_is_refused(app: DrawnApp, client: TestClient, question: dict[str, Any], status: int) -> None:
    assert client.post("/easel/extensions", json=question).status_code == status
    assert app.settings.value.disabled_extensions == ""


def test_an_extension_that_failed_is_among_the_reports_of_the_page(app: DrawnApp) -> None:
    own = app.paths.data / "extensions" / "broken"
    own.mkdir(parents=True)
    (own / "extension.py").write_text("1 / 0\n")
    assert app.extensions.notes() == [], "looking at the page's state loads nothing"
    app.extensions.load()
    assert app.extensions.notes() == ["The extension broken is switched off: it failed. The Extensions tab says more."]
