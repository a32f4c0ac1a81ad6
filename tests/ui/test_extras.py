"""The tab Extras: every parameter in its place, and what a press of Generate submits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.core.extras import MOST, ExtrasRequest
from modules.core.params import walk
from modules.infotext import files
from modules.ui import extras
from modules.ui.build import Page
from tests.networks import small, small_faces
from tests.ui.conftest import DrawnApp
from tests.ui.pressing import built_page, ids, press


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DrawnApp, Page]]:
    data = tmp_path_factory.mktemp("extras")
    small.save(data / "models" / "ESRGAN" / "4x-small.safetensors", small.esrgan())
    yield from built_page(data)


def kept(app: DrawnApp, colour: str) -> str:
    return app.blobs.put(files.encode(Image.new("RGB", (8, 8), colour), ""))


def test_every_parameter_once_or_hidden(built: tuple[DrawnApp, Page]) -> None:
    found = ids(built[1])
    names = {field.name for field in walk(ExtrasRequest)}
    standing = {name for name in names if f"extras_{extras.IDS.get(name, name.replace('.', '_'))}" in found}
    assert standing | set(extras.HIDDEN) == names and not standing & set(extras.HIDDEN)


def test_one_press_is_one_job_of_all_pictures(built: tuple[DrawnApp, Page]) -> None:
    app, page = built
    items = [{"name": name, "image": kept(app, name)} for name in ("red", "blue")]
    _, said = press(page, "extras_generate", extras_items=json.dumps(items), extras_upscaler_1="4x-small", extras_upscaling_resize=2)
    (job,) = app.queue.jobs()
    assert (said["job"], said["panel"]) == (job.id, "extras")
    assert job.request == ExtrasRequest(images=tuple(item["image"] for item in items), names=("red", "blue"), upscaler="4x-small", scale=2.0)
    app.queue.cancel(job.id)


@pytest.mark.parametrize(
    ("held", "title"),
    [
        ({"extras_items": "[]"}, "Picture"),
        ({"extras_items": "[{}]"}, "Picture"),
        ({"extras_items": json.dumps([{"name": "", "image": "sha256:" + "0" * 64}])}, "not on this machine"),
        ({"extras_upscaler_1": "4x-smal"}, "4x-small"),
        ({"extras_upscaling_resize": 99}, "Resize by"),
    ],
)
def test_what_cannot_be_submitted_is_said(built: tuple[DrawnApp, Page], held: dict[str, object], title: str) -> None:
    app, page = built
    items = json.dumps([{"name": "", "image": kept(app, "red")}])
    _, said = press(page, "extras_generate", **{"extras_items": items, **held})
    assert said["kind"] == "error" and title in f"{said['title']} {said['text']}" and not app.queue.jobs()


def test_pictures_that_could_not_be_brought_submit_nothing(built: tuple[DrawnApp, Page]) -> None:
    app, page = built
    assert press(page, "extras_generate", extras_items="")[1]["text"] == "" and not app.queue.jobs()


def test_names_and_how_many() -> None:
    one = {"name": "", "image": "sha256:" + "0" * 64}
    assert extras.wanted(ExtrasRequest(), json.dumps([one])).names == ()
    assert extras.wanted(ExtrasRequest(), json.dumps([{**one, "name": "a/b.tar.png"}])).names == ("b.tar",)
    with pytest.raises(InvalidRequest, match="more than one job takes"):
        extras.wanted(ExtrasRequest(), json.dumps([one] * (MOST + 1)))


def test_faces_sliders_are_dead_until_their_files_are_here(tmp_path: Path) -> None:
    for app, page in built_page(tmp_path):
        blocks = {block.elem_id: block for block in page.blocks.blocks.values()}
        gfpgan, codeformer, weight = (blocks[f"extras_{name}"] for name in ("gfpgan_visibility", "codeformer_visibility", "codeformer_weight"))
        assert not gfpgan.interactive and not codeformer.interactive and not weight.interactive
        assert gfpgan.info == "Needs models/GFPGAN/GFPGANv1.4.pth, models/GFPGAN/detection_Resnet50_Final.pth" and "models/Codeformer" in codeformer.info
        items = json.dumps([{"name": "", "image": kept(app, "red")}])
        assert press(page, "extras_generate", extras_items=items, extras_codeformer_visibility=0.5)[1]["job"], "a remembered value does not stand in the way"
        assert app.queue.jobs()[0].request.faces.codeformer == 0
        small.save(tmp_path / "models" / "Codeformer" / "codeformer.safetensors", small_faces.codeformer())
        small.save(tmp_path / "models" / "Codeformer" / "detection_Resnet50_Final.safetensors", small_faces.detector())
        updates, _ = press(page, "refresh_sd_model_checkpoint")
        assert updates["extras_codeformer_visibility"]["interactive"] and updates["extras_codeformer_weight"]["interactive"]
        assert not updates["extras_gfpgan_visibility"]["interactive"]
        press(page, "extras_generate", extras_items=items, extras_codeformer_visibility=0.5)
        assert app.queue.jobs()[-1].request.faces.codeformer == 0.5
