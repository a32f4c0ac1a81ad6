"""💾 and 🗃️ over the page's routes, against a real queue and real files."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modules.core.request import GenerationRequest
from modules.jobs.job import Job
from modules.ui import live
from tests.ui.conftest import DrawnApp


@pytest.fixture
def client(app: DrawnApp) -> TestClient:
    return TestClient(Starlette(routes=live.routes(app)))


@pytest.fixture
def job(app: DrawnApp) -> Job:
    return app.until(app.submit(GenerationRequest(prompt="a pear", width=64, height=64, steps=1, seed=7, count=2)).id, "done")


def test_save_copies_the_very_file_and_tells_the_log(app: DrawnApp, client: TestClient, job: Job) -> None:
    answer = client.post(f"/easel/jobs/{job.id}/keep", json={"numbers": [1]})
    assert (answer.status_code, answer.json()) == (200, {"copies": ["log/images/00001-8.png"]})
    copy = app.paths.log / "images" / "00001-8.png"
    assert copy.read_bytes() == (app.paths.outputs / job.pictures[1].path).read_bytes()
    (row,) = csv.DictReader(io.StringIO((app.paths.log / "images" / "log.csv").read_text("utf-8")))
    assert (row["prompt"], row["seed"], row["filename"]) == ("a pear", "8", "00001-8.png")


def test_all_of_a_job_and_its_zip(app: DrawnApp, client: TestClient, job: Job) -> None:
    assert len(client.post(f"/easel/jobs/{job.id}/keep", json={}).json()["copies"]) == 2
    answer = client.get(f"/easel/jobs/{job.id}/zip")
    assert answer.headers["content-type"] == "application/zip" and "7-8.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
        files = {name: pack.read(name) for name in pack.namelist()}
    assert list(files.values()) == [(app.paths.outputs / record.path).read_bytes() for record in job.pictures]


def test_deleted_pictures_are_said(app: DrawnApp, client: TestClient, job: Job) -> None:
    (app.paths.outputs / job.pictures[0].path).unlink()
    assert client.post(f"/easel/jobs/{job.id}/keep", json={"numbers": [0]}).status_code == 404
    assert not app.paths.log.exists()


@pytest.mark.parametrize("numbers", ["all", [0, 1, 0], ["0"], [True], [5], [-1], []])
def test_what_is_no_list_of_its_pictures_is_refused(client: TestClient, job: Job, numbers: object) -> None:
    assert client.post(f"/easel/jobs/{job.id}/keep", json={"numbers": numbers}).status_code in (400, 404)


def test_another_users_pictures_are_not_there(app: DrawnApp, client: TestClient) -> None:
    assert client.get("/easel/jobs/none/zip").status_code == 404
    assert client.post("/easel/jobs/none/keep", json={}).status_code == 404
    assert client.post("/easel/jobs/none/keep", data={"numbers": "0"}).status_code == 400, "a form of another site is no question of ours"
