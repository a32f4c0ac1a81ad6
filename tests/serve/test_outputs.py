"""The route of saved pictures: pictures, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modules.serve.outputs import outputs_route, picture_at


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    outputs = tmp_path / "outputs"
    (outputs / "txt2img-images").mkdir(parents=True)
    for name in ("txt2img-images/1 ü.png", "history.db", "page.html", "drawing.svg", ".hidden.png", "note.png.txt"):
        (outputs / name).write_bytes(b"picture")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "outputs-of-others").mkdir()
    (tmp_path / "outputs-of-others" / "theirs.png").write_bytes(b"secret")
    os.symlink(tmp_path / "secret.png", outputs / "link.png")
    os.symlink(outputs / "txt2img-images" / "1 ü.png", outputs / "inside.png")
    return outputs


def test_a_picture_comes_as_one_and_can_do_nothing_else(folder: Path) -> None:
    client = TestClient(Starlette(routes=[outputs_route(folder)]))
    answer = client.get("/easel/outputs/txt2img-images/1 ü.png")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"picture", "image/png")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-disposition"].startswith("inline")
    assert client.get("/easel/outputs/inside.png?download").headers["content-disposition"].startswith("attachment")
    assert client.head("/easel/outputs/inside.png").status_code == 200
    assert client.post("/easel/outputs/inside.png").status_code == 405


@pytest.mark.parametrize(
    "asked",
    [
        "", "/", "txt2img-images", "no.png", "history.db", "page.html", "drawing.svg", ".hidden.png", "note.png.txt", "link.png", "../secret.png", "..", "../outputs-of-others/theirs.png",
        "txt2img-images/../../secret.png", "/etc/passwd", "//etc/passwd", "C:/secret.png", "..\\secret.png", "inside.png\0.txt", "inside.png/", "inside.png/../../secret.png", "x" * 5000 + ".png",
    ],
    ids=lambda asked: repr(asked)[:40],
)  # fmt: skip
def test_anything_else_is_not_there(folder: Path, asked: str) -> None:
    assert picture_at(folder, asked) is None


@pytest.mark.parametrize(
    "path",
    [
        "%2e%2e/secret.png",
        "..%2fsecret.png",
        "%2e%2e%2fsecret.png",
        "....//secret.png",
        "%252e%252e/secret.png",
        "txt2img-images%2f..%2f..%2fsecret.png",
        "inside.png%00",
    ],
)
def test_no_spelling_leaves_the_folder(folder: Path, path: str) -> None:
    answer = TestClient(Starlette(routes=[outputs_route(folder)])).get(f"/easel/outputs/{path}")
    assert answer.status_code == 404
    assert b"secret" not in answer.content


def test_pictures_are_found_through_a_linked_outputs_folder(folder: Path, tmp_path: Path) -> None:
    os.symlink(folder, tmp_path / "elsewhere")
    assert picture_at(tmp_path / "elsewhere", "inside.png") is not None
