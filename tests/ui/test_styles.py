"""Styles on the page: the menu, and the dialog's routes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modules.ui import styles
from tests.ui.conftest import DrawnApp


@pytest.fixture
def client(app: DrawnApp) -> Iterator[TestClient]:
    app.paths.styles.write_text("name,prompt,negative_prompt\n# remark,,\nfilm,film grain,cartoon\n", "utf-8")
    with TestClient(Starlette(routes=styles.routes(app)), base_url="http://127.0.0.1:7860") as client:
        yield client


FILM = {"name": "film", "prompt": "film grain", "negative_prompt": "cartoon"}


def test_the_dialog_reads_and_changes_the_table(app: DrawnApp, client: TestClient) -> None:
    assert client.get("/easel/styles").json() == {"styles": [FILM]}
    ink = {"name": "ink", "prompt": "ink", "negative_prompt": ""}
    assert client.post("/easel/styles", json={"before": None, "after": ink}).status_code == 200
    assert client.post("/easel/styles", json={"before": FILM, "after": {**FILM, "name": "movie"}}).status_code == 200
    assert list(app.styles()) == ["movie", "ink"] and "# remark" in app.paths.styles.read_text("utf-8-sig")
    assert client.post("/easel/styles", json={"before": ink, "after": None}).status_code == 200
    assert styles.names(app) == ["movie"]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"before": {**FILM, "prompt": "older"}, "after": FILM}, "meanwhile"),
        ({"before": None, "after": FILM}, "already"),
        ({"before": None, "after": {"name": "#x"}}, "cannot be the name"),
        ({"before": None, "after": {"name": "x", "colour": "y"}}, "negative_prompt"),
        ({"before": None, "after": "x"}, "negative_prompt"),
        ({}, "nothing to change"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(app: DrawnApp, client: TestClient, question: dict[str, Any], said: str) -> None:
    before = app.paths.styles.read_bytes()
    answer = client.post("/easel/styles", json=question)
    assert answer.status_code == 400 and said in answer.json()["detail"]
    assert app.paths.styles.read_bytes() == before


def test_a_table_that_cannot_be_read_costs_the_menu_and_not_the_page(app: DrawnApp, client: TestClient) -> None:
    app.paths.styles.write_bytes(b"name\n\xff\n")
    assert styles.names(app) == [] and styles.listed(app, ["film"])["value"] == []
    assert client.get("/easel/styles").status_code == 400


def test_with_several_tables_each_style_is_changed_where_it_stands(app: DrawnApp, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    other = app.paths.data / "other.csv"
    other.write_text("name,prompt\nfar,far away\n", "utf-8")
    monkeypatch.setattr(app, "paths", dataclasses.replace(app.paths, styles_files=(app.paths.styles, other)))
    assert [one["name"] for one in client.get("/easel/styles").json()["styles"]] == ["film", "far"]
    far = {"name": "far", "prompt": "far away", "negative_prompt": ""}
    assert client.post("/easel/styles", json={"before": far, "after": {**far, "prompt": "near"}}).status_code == 200
    assert "near" in other.read_text("utf-8-sig") and "near" not in app.paths.styles.read_text("utf-8-sig")
