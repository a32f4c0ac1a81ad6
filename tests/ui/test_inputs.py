"""Pictures to work on, brought and given back: only pictures, byte for byte, and nobody else's."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from modules.core.request import GenerationRequest
from modules.ui import inputs
from modules.ui.pictures import Pictures
from tests.ui.conftest import DrawnApp
from tests.ui.test_live import Named


@pytest.fixture
def client(app: DrawnApp) -> Iterator[TestClient]:
    routes = inputs.routes(app, Pictures(app.paths.outputs))
    with TestClient(Starlette(routes=routes, middleware=[Middleware(Named)]), base_url="http://127.0.0.1:7860") as client:
        yield client


def encoded(kind: str, size: tuple[int, int] = (20, 12)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#c33").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_brought_and_given_back(client: TestClient, kind: str) -> None:
    data = encoded(kind)
    kept = client.post("/easel/inputs", content=data, headers={"content-type": f"image/{kind.lower()}"}).json()
    assert (kept["width"], kept["height"]) == (20, 12)
    answer = client.get(f"/easel/inputs/{kept['reference'].removeprefix('sha256:')}")
    if kind == "TIFF":
        assert (answer.headers["content-type"], Image.open(io.BytesIO(answer.content)).size) == ("image/png", (20, 12)), "browsers show no TIFF"
    else:
        assert (answer.headers["content-type"], answer.content) == (f"image/{kind.lower()}", data)
    assert answer.headers["x-content-type-options"] == "nosniff" and "sandbox" in answer.headers["content-security-policy"]


def test_turned_upright(client: TestClient) -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 12)).save(out, "JPEG", exif=exif)
    kept = client.post("/easel/inputs", content=out.getvalue(), headers={"content-type": "image/jpeg"}).json()
    assert (kept["width"], kept["height"]) == (12, 20), "as browsers show it"


@pytest.mark.parametrize("body", [b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html><script>1</script></html>", encoded("PNG")[:60]])
def test_what_is_no_picture_is_refused(app: DrawnApp, client: TestClient, body: bytes) -> None:
    answer = client.post("/easel/inputs", content=body, headers={"content-type": "image/png"})
    assert answer.status_code == 400 and "picture" in answer.json()["detail"]
    assert not app.blobs.holds(body)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "LARGEST", 1000)
    answer = client.post("/easel/inputs", content=b"x" * 2000, headers={"content-type": "image/png"})
    assert answer.status_code == 400 and "MB" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""])
def test_what_another_site_could_send_is_refused(client: TestClient, kind: str) -> None:
    assert client.post("/easel/inputs", content=encoded("PNG"), headers={"content-type": kind}).status_code == 400


def test_only_pictures_are_given_back(app: DrawnApp, client: TestClient) -> None:
    other = app.blobs.put(b"<html>not a picture</html>")
    assert client.get(f"/easel/inputs/{other.removeprefix('sha256:')}").status_code == 404
    assert client.get("/easel/inputs/" + "0" * 64).status_code == 404
    assert client.get("/easel/inputs/..%2F..%2Fsettings.yaml").status_code in (400, 404)
    assert client.get("/easel/inputs/xyz").status_code == 400


def test_from_a_job_the_saved_file_itself(app: DrawnApp, client: TestClient) -> None:
    job = app.until(app.submit(GenerationRequest(prompt="a cat", steps=3, width=64, height=72, seed=7), owner="ann").id, "done")
    saved = (app.paths.outputs / job.pictures[0].path).read_bytes()
    kept = client.post("/easel/inputs/from-job", json={"job": job.id, "number": 0}, headers={"x-test-user": "ann"}).json()
    assert app.blobs.get(kept["reference"]) == saved and (kept["width"], kept["height"]) == (64, 72)
    assert client.post("/easel/inputs/from-job", json={"job": job.id, "number": 0}, headers={"x-test-user": "bob"}).status_code == 404
    assert client.post("/easel/inputs/from-job", json={"job": job.id, "number": 9}).status_code == 404
    assert client.post("/easel/inputs/from-job", json={"job": [], "number": True}).status_code == 400
