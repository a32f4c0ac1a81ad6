"""Batch: each picture a job, folders only for browsers on this machine, parameters from the pictures themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modules.core.errors import BadPicture, InvalidRequest, NotFound
from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.infotext import files
from modules.ui import batch, inputs
from modules.ui.batch import Item
from modules.ui.pictures import Pictures
from tests.ui.conftest import DrawnApp

TEXT = "a dog\nNegative prompt: rain\nSteps: 17, Sampler: Heun, CFG scale: 4.5, Seed: 99, Size: 64x64"


def picture(colour: str = "#c33", text: str = "") -> bytes:
    return files.encode(Image.new("RGB", (64, 64), colour), text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "in"
    place.mkdir()
    (place / "b.png").write_bytes(picture("#0f0"))
    (place / "a.png").write_bytes(picture("#f00"))
    (place / "broken.png").write_bytes(b"no picture")
    (place / "notes.txt").write_text("no picture either")
    return place


def test_a_folder(app: DrawnApp, folder: Path, tmp_path: Path) -> None:
    found = batch.of_folder(app, str(folder))
    assert [item["name"] for item in found["items"]] == ["a.png", "b.png"]
    assert app.blobs.get(found["items"][0]["image"]) == (folder / "a.png").read_bytes()
    assert len(found["left_out"]) == 1 and found["left_out"][0].startswith("broken.png")

    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "one.png").write_bytes(picture("#fff"))
    assert {item["mask"] for item in batch.of_folder(app, str(folder), str(masks))["items"]} == {app.blobs.put(picture("#fff"))}, "one for all"
    (masks / "a.webp").write_bytes(picture("#000"))
    found = batch.of_folder(app, str(folder), str(masks))
    assert [item["name"] for item in found["items"]] == ["a.png"] and len(found["left_out"]) == 2, "of the same name, where there are several"


@pytest.mark.parametrize("path", ["", "relative", "/nowhere/at/all", "a\0b"])
def test_what_is_no_folder(app: DrawnApp, path: str) -> None:
    with pytest.raises(NotFound):
        batch.of_folder(app, path)


@pytest.mark.parametrize(
    ("base", "headers", "status"),
    [("http://127.0.0.1:7860", {}, 200), ("http://easel.example", {}, 400), ("http://127.0.0.1:7860", {"x-real-ip": "9.9.9.9"}, 400)],
)
def test_folders_are_for_browsers_on_this_machine(app: DrawnApp, folder: Path, base: str, headers: dict[str, str], status: int) -> None:
    with TestClient(Starlette(routes=inputs.routes(app, Pictures(app.paths.outputs))), base_url=base, client=("127.0.0.1", 5)) as client:
        answer = client.post("/easel/inputs/from-folder", json={"folder": str(folder)}, headers=headers)
    assert answer.status_code == status, answer.text
    assert (str(folder) in answer.text) is False


def test_parameters_from_the_picture(app: DrawnApp) -> None:
    item = Item("a.png", app.blobs.put(picture(text=TEXT)))
    form = with_values(GenerationRequest(), {"prompt": "oil painting,", "steps": 5})
    taken = batch.with_info(app, form, item, ["Prompt", "Seed", "Sampler"])
    assert (taken.prompt, taken.seed, taken.sampler, taken.steps, taken.negative_prompt) == ("oil painting, a dog", 99, "Heun", 5, "")
    assert batch.with_info(app, form, item, []) == form
    assert batch.with_info(app, form, Item("b.png", app.blobs.put(picture())), ["Prompt"]) == form


def test_each_a_job_and_what_fails_is_named(app: DrawnApp) -> None:
    items = [Item(f"{number}.png", app.blobs.put(picture(f"#0{number}0"))) for number in range(3)] + [Item("gone.png", "sha256:" + "0" * 64)]

    def made(item: Item) -> GenerationRequest:
        inputs.size_of(app.blobs, item.image)
        return with_values(GenerationRequest(prompt="a cat", steps=2, width=64, height=64), {"init.image": item.image})

    ids, told = batch.submitted(app, items, made, [], lambda request: app.submit(request).id)
    assert len(set(ids)) == 3 and told.startswith("3 pictures") and "gone.png" in told
    assert [app.until(id, "done").request.init.image for id in ids] == [item.image for item in items[:3]]
    with pytest.raises(NotFound):
        batch.submitted(app, items[3:], made, [], lambda request: "")


@pytest.mark.parametrize("text", ["", "[]", "{", "[1]", '[{"name": 1}]', json.dumps([{"name": "x", "image": "y"}] * 1001)])
def test_what_the_browser_names_is_checked(text: str) -> None:
    with pytest.raises(InvalidRequest):
        batch.read(text)


def test_a_picture_of_a_folder_that_is_too_large(app: DrawnApp, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "LARGEST", 10)
    found = batch.of_folder(app, str(folder))
    assert found["items"] == [] and len(found["left_out"]) == 3
    with pytest.raises(BadPicture):
        batch.with_info(app, GenerationRequest(), Item("x", app.blobs.put(b"no picture")), ["Prompt"])
