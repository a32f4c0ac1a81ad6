"""The routes of "Import from A1111": only from this very machine, and only as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modules.ui import adopting
from tests.a1111.folder import installation
from tests.ui.conftest import DrawnApp


def client(app: DrawnApp, host: str = "127.0.0.1", base: str = "http://127.0.0.1") -> TestClient:
    return TestClient(Starlette(routes=adopting.routes(app)), base_url=base, client=(host, 5000))


def test_look_take_undo(app: DrawnApp, tmp_path: Path) -> None:
    theirs, here = installation(tmp_path / "webui"), client(app)
    assert here.get("/easel/a1111").json() == {"here": True, "last": ""}
    looked = here.post("/easel/a1111/look", json={"path": f" {theirs} "}).json()
    assert {"source": "config.json", "name": "save_txt", "value": "True", "state": "taken", "note": ""} in looked["rows"]
    assert app.settings.value.save_txt is False
    taken = here.post("/easel/a1111/take", json={"path": str(theirs)}).json()
    assert (taken["rows"], taken["last"], app.settings.value.save_txt) == (looked["rows"], str(theirs.resolve()), True)
    assert here.post("/easel/a1111/undo", json={}).json()["last"] == ""
    assert app.settings.value.save_txt is False


@pytest.mark.parametrize("act", ["look", "take", "undo"])
@pytest.mark.parametrize("where", [{"host": "192.168.0.9"}, {"base": "http://easel.example"}])
def test_not_from_elsewhere(app: DrawnApp, tmp_path: Path, act: str, where: dict[str, Any]) -> None:
    theirs, there = installation(tmp_path / "webui"), client(app, **where)
    answer = there.post(f"/easel/a1111/{act}", json={"path": str(theirs)})
    assert (answer.status_code, "import-a1111" in answer.json()["remedy"]) == (400, True)
    assert there.get("/easel/a1111").json() == {"here": False, "last": ""}
    assert client(app).post(f"/easel/a1111/{act}", json={"path": str(theirs)}, headers={"x-forwarded-for": "8.8.8.8"}).status_code == 400


@pytest.mark.parametrize("path", [3, None, "x" * 2000, "a\0b", "", "no such folder"])
def test_what_is_no_folder_is_refused(app: DrawnApp, path: object) -> None:
    assert client(app).post("/easel/a1111/look", json={"path": path}).status_code in (400, 404)


def test_a_form_of_another_site_is_no_question(app: DrawnApp) -> None:
    assert client(app).post("/easel/a1111/take", data={"path": "/"}).status_code == 400
