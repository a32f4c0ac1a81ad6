"""What can be done with a finished picture, asked as a browser asks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from modules.core.errors import BadPicture, InvalidRequest, NotFound, Unsupported
from modules.core.groups.editing import Init
from modules.core.groups.passes import Hires, Script
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.infotext import files
from modules.jobs.job import Job
from modules.ui import finished
from modules.ui.pictures import Pictures
from tests.ui.conftest import DrawnApp
from tests.ui.test_live import Named, small

LARGER = Hires(scale=1.5, upscaler="Lanczos")


@pytest.fixture
def pictures(app: DrawnApp) -> Pictures:
    return Pictures(app.paths.outputs)


@pytest.fixture
def client(app: DrawnApp, pictures: Pictures) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=finished.routes(app, pictures), middleware=[Middleware(Named)]), base_url="http://127.0.0.1:7860") as client:
        yield client


def written(app: DrawnApp, job: Job, number: int, request: GenerationRequest | None) -> Path:
    """Gives the file of a picture the texts that Easel writes, or none."""
    path = app.paths.outputs / job.pictures[number].path
    document = {"easel": "1", "request": to_dict(request)} if request else None
    path.write_bytes(files.encode(Image.open(path), "a cat" if request else "", document))
    return path


def test_the_request_of_the_file_with_the_hires_of_the_form(app: DrawnApp, pictures: Pictures) -> None:
    job = app.until(app.submit(small(count=2)).id, "done")
    own = small(seed=8, cfg_scale=3.0, hires=Hires(enabled=True, upscaler="Nearest"))
    written(app, job, 1, own)
    made = finished.larger(finished.request_of(pictures, job, 1), LARGER)
    assert made == small(seed=8, cfg_scale=3.0, hires=Hires(enabled=True, scale=1.5, upscaler="Lanczos"))


def test_where_the_file_says_nothing_the_history_does(app: DrawnApp, pictures: Pictures) -> None:
    job = app.until(app.submit(small(count=2)).id, "done")
    written(app, job, 1, None)
    assert finished.request_of(pictures, job, 1) == small(seed=8, model=job.request.model)
    script = app.until(app.submit(small(script=Script(name="Prompt matrix"))).id, "done")
    with pytest.raises(BadPicture, match="does not say"):
        finished.request_of(pictures, script, 0)


@pytest.mark.parametrize("request_", [small(script=Script(name="X/Y/Z plot")), small(init=Init(image="sha256:" + "0" * 64))])
def test_what_has_no_pass_to_go_on_from_is_said(request_: GenerationRequest) -> None:
    with pytest.raises(Unsupported) as caught:
        finished.larger(request_, LARGER)
    assert caught.value.remedy


def test_whose_picture_it_is(app: DrawnApp) -> None:
    job = app.until(app.submit(small(), owner="ann").id, "done")
    named = json.dumps({"job": job.id, "number": 0, "at": 1})
    assert finished._named(app, named, "ann") == (job, 0)
    with pytest.raises(NotFound):
        finished._named(app, named, "bob")
    for text in ("", "{}", "[]", '{"job": "x", "number": "y"}', None, 5):
        with pytest.raises(InvalidRequest):
            finished._named(app, text, "")


def test_copies_to_save(app: DrawnApp, client: TestClient) -> None:
    job = app.until(app.submit(small()).id, "done")
    start = app.blobs.put(files.encode(Image.new("RGB", (16, 16)), ""))
    path = written(app, job, 0, small(init=Init(image=start)))
    at = f"/easel/jobs/{job.id}/copies/0"
    packed, clean = client.get(f"{at}/with-inputs"), client.get(f"{at}/clean")
    assert packed.content == app.with_inputs(path.read_bytes()) and "-with-inputs.png" in packed.headers["content-disposition"]
    assert files.read(clean.content).chunks == {} and clean.headers["content-disposition"].startswith("attachment")
    app.blobs.drop(start)
    refused = client.get(f"{at}/with-inputs")
    assert refused.status_code == 404 and "the start picture" in refused.json()["detail"]
    written(app, job, 0, small())
    assert client.get(f"{at}/with-inputs").status_code == 400


def test_another_users_picture_is_not_there(app: DrawnApp, client: TestClient) -> None:
    job = app.until(app.submit(small(), owner="ann").id, "done")
    headers: dict[str, Any] = {"x-test-user": "bob"}
    assert client.get(f"/easel/jobs/{job.id}/copies/0/clean", headers=headers).status_code == 404
    assert client.get(f"/easel/jobs/{job.id}/copies/7/clean").status_code == 404
