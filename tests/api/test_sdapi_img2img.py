"""img2img, grids and tasks over a socket: real queue, real files; only the drawing is a painted surface."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from modules.core.request import single
from modules.infotext import files
from tests.api.conftest import Server
from tests.api.painting import PREVIEW, colour, encoded
from tests.api.test_sdapi import SMALL, draw, picture

PEAR = encoded(Image.new("RGB", (64, 64), "green"))
PLUM = encoded(Image.new("RGB", (64, 64), "purple"))
MASK = encoded(Image.new("L", (64, 64), 255))


def change(client: httpx.Client, **body: Any) -> dict[str, Any]:
    reply = client.post("/sdapi/v1/img2img", json={**SMALL, "init_images": [PEAR], **body})
    assert reply.status_code == 200, reply.text
    return reply.json()


def reference(data: str) -> str:
    return f"sha256:{hashlib.sha256(base64.b64decode(data)).hexdigest()}"


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "DATA:image/png;charset=x;base64,"])
def test_a_picture_from_a_picture(server: Server, prefix: str) -> None:
    reply = change(server.client, init_images=[prefix + PEAR], mask=MASK, denoising_strength=0.5)
    seen = server.app.painter.seen[-1]
    assert (seen.init.image, seen.mask.image) == (reference(PEAR), reference(MASK))
    assert server.app.blobs.get(seen.init.image) == base64.b64decode(PEAR)
    info = json.loads(reply["info"])
    assert info["denoising_strength"] == 0.5
    assert info["extra_generation_params"]["Denoising strength"] == 0.5
    assert (reply["parameters"]["init_images"], reply["parameters"]["mask"]) == (None, None)


def test_the_same_picture_is_kept_once(server: Server) -> None:
    for seed in (1, 2):
        change(server.client, seed=seed)
    assert len([path for path in server.app.paths.inputs.rglob("*") if path.is_file()]) == 1


def test_a_refused_request_keeps_no_picture(server: Server) -> None:
    assert server.client.post("/sdapi/v1/img2img", json={"init_images": [PEAR], "sampler_name": "Oiler"}).status_code == 400
    assert not server.app.paths.inputs.exists()


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "BMP", "GIF", "AVIF", "TIFF"])
def test_formats_of_start_pictures(steady: Server, format: str) -> None:
    change(steady.client, init_images=[encoded(Image.new("RGB", (64, 64), "green"), format)])


def test_progress_says_which_tab_it_is(server: Server) -> None:
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(change, server.client, steps=5)
        server.until(lambda: any(server.app.queue.live(job.id).preview for job in server.app.queue.jobs()))
        assert server.client.get("/sdapi/v1/progress").json()["state"]["job"] == "scripts_img2img"
        server.app.painter.gate.set()
        reply.result()


@pytest.mark.parametrize("format", ["jpg", "jpeg", "webp", "avif", "png"])
def test_answers_in_another_format_keep_their_texts(steady: Server, format: str) -> None:
    reply = draw(steady.client, override_settings={"samples_format": format, "jpeg_quality": 95})
    data = base64.b64decode(reply["images"][0])
    found = files.read(data)
    assert found.format == format.replace("jpeg", "jpg")
    assert found.parameters == json.loads(reply["info"])["infotexts"][0]
    assert found.document is not None
    seen = picture(reply["images"][0]).convert("RGB").crop((5, 5, 6, 6)).tobytes()
    assert max(abs(one - other) for one, other in zip(seen, colour(7), strict=True)) < 6


def saved(server: Server) -> list[str]:
    return sorted(path.relative_to(server.app.paths.outputs).parts[0] for path in server.app.paths.outputs.rglob("*.png"))


def test_a_batch_that_is_saved_comes_with_its_grid_first(server: Server) -> None:
    reply = draw(server.client, batch_size=3, save_images=True)
    info = json.loads(reply["info"])
    assert (len(reply["images"]), info["index_of_first_image"], len(info["infotexts"])) == (4, 1, 4)
    grid = picture(reply["images"][0])
    assert grid.size == (128, 128)
    assert [grid.getpixel(place) for place in ((0, 0), (64, 0), (0, 64), (64, 64))] == [colour(7), colour(8), colour(9), (255, 255, 255)]
    assert grid.info["parameters"] == info["infotexts"][0] == info["infotexts"][1]
    assert info["all_seeds"] == [7, 8, 9]
    assert saved(server) == ["txt2img-grids", *["txt2img-images"] * 3]


@pytest.mark.parametrize(
    ("body", "shown", "kept"),
    [
        ({"save_images": False}, 2, 0),
        ({"do_not_save_grid": True}, 2, 0),
        ({"batch_size": 1}, 1, 0),
        ({"batch_size": 1, "override_settings": {"grid_only_if_multiple": False}}, 2, 1),
        ({"override_settings": {"return_grid": False}}, 2, 1),
        ({"override_settings": {"grid_save": False}}, 3, 0),
        ({"override_settings": {"grid_save": False, "return_grid": False}}, 2, 0),
    ],
)
def test_when_there_is_a_grid(server: Server, body: dict[str, Any], shown: int, kept: int) -> None:
    reply = draw(server.client, **{"batch_size": 2, "save_images": True, **body})
    assert len(reply["images"]) == shown
    assert saved(server).count("txt2img-grids") == kept


@pytest.mark.parametrize(("rows", "size"), [(-1, (128, 128)), (0, (64, 256)), (1, (256, 64)), (3, (128, 192))])
def test_rows_of_a_grid(steady: Server, rows: int, size: tuple[int, int]) -> None:
    reply = draw(steady.client, batch_size=4, save_images=True, override_settings={"n_rows": rows, "grid_background_color": "#010203"})
    assert picture(reply["images"][0]).size == size


def test_grids_of_img2img_have_their_own_folder_and_their_own_numbers(server: Server) -> None:
    for _ in range(2):
        change(server.client, batch_size=2, save_images=True)
    grids = sorted(path.name for path in (server.app.paths.outputs / "img2img-grids").rglob("*.png"))
    assert grids == ["grid-0001.png", "grid-0002.png"]


def task(client: httpx.Client, name: str, **more: Any) -> dict[str, Any]:
    reply = client.post("/internal/progress", json={"id_task": name, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_task_is_followed_by_its_own_name(server: Server) -> None:
    unknown = task(server.client, "task(pear)")
    assert unknown == {
        "active": False,
        "queued": False,
        "completed": False,
        "progress": None,
        "eta": None,
        "live_preview": None,
        "id_live_preview": -1,
        "textinfo": "Waiting...",
    }
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(draw, server.client, steps=5, force_task_id="task(pear)")
        server.until(lambda: any(server.app.queue.live(job.id).preview for job in server.app.queue.jobs()))
        second = pool.submit(draw, server.client, steps=5, force_task_id="task(plum)")
        server.until(lambda: len(server.app.queue.jobs()) == 2)
        running = task(server.client, "task(pear)")
        assert (running["active"], running["queued"], running["completed"]) == (True, False, False)
        assert running["live_preview"] == "data:image/jpeg;base64," + base64.b64encode(PREVIEW).decode()
        assert task(server.client, "task(pear)", id_live_preview=running["id_live_preview"])["live_preview"] is None
        assert task(server.client, "task(pear)", live_preview=False)["live_preview"] is None
        waiting = task(server.client, "task(plum)")
        assert (waiting["active"], waiting["queued"], waiting["textinfo"]) == (False, True, "In queue: 2/2")
        assert server.client.get("/internal/pending-tasks").json() == {"size": 2, "tasks": ["task(pear)", "task(plum)"]}
        server.app.painter.gate.set()
        first.result(), second.result()
    assert task(server.client, "task(pear)")["completed"] is True
    assert server.client.get("/internal/pending-tasks").json() == {"size": 0, "tasks": []}


def test_a_task_belongs_to_a_login(guarded: Server) -> None:
    ann, bob = guarded.as_user("ann"), guarded.as_user("bob")
    draw(ann, force_task_id="task(pear)")
    assert task(ann, "task(pear)")["completed"] is True
    assert task(bob, "task(pear)")["completed"] is False


def test_what_was_passed_over_is_told(steady: Server) -> None:
    reply = draw(steady.client, restore_faces=True)
    assert any("not restored" in note for note in json.loads(reply["info"])["notes"])


def test_styles_reach_the_request(server: Server) -> None:
    reply = draw(server.client, styles=["film", "unknown"])
    assert server.app.painter.seen[-1].styles == ("film", "unknown")
    assert json.loads(reply["info"])["styles"] == ["film", "unknown"]


def test_pictures_are_fetched_only_where_the_settings_say_so(server: Server) -> None:
    body = {"init_images": ["http://127.0.0.1:9/pear.png"]}
    closed = server.client.post("/sdapi/v1/img2img", json=body).json()
    assert "switch fetching on" in closed["remedy"]
    assert server.client.post("/sdapi/v1/options", json={"api_enable_requests": True}).status_code == 200
    assert server.client.get("/sdapi/v1/options").json()["api_enable_requests"] is False
    server.app.settings.change("api_enable_requests", True)
    assert server.client.get("/sdapi/v1/options").json()["api_enable_requests"] is True
    opened = server.client.post("/sdapi/v1/img2img", json=body)
    assert opened.status_code == 400
    assert "not at a public address" in opened.json()["detail"]


def test_several_start_pictures_are_a_batch_with_one_each(server: Server) -> None:
    reply = change(server.client, init_images=[PEAR, PLUM], batch_size=3)
    seen = server.app.painter.seen[-1]
    kept = [single(seen, index).init.image for index in range(2)]
    assert seen.batch_size == 2 and len(reply["images"]) == 2 and len(set(kept)) == 2
    assert [server.app.blobs.get(reference) for reference in kept] == [base64.b64decode(PEAR), base64.b64decode(PLUM)]


def test_a_photograph_keeps_its_bytes(server: Server) -> None:
    """Its EXIF says how it is turned; the engine turns it."""
    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (64, 32)).save(file, "JPEG", exif=exif)
    change(server.client, init_images=[base64.b64encode(file.getvalue()).decode()])
    assert server.app.blobs.get(server.app.painter.seen[-1].init.image) == file.getvalue()


def test_a_second_pass_is_told_as_values(steady: Server) -> None:
    body = {"enable_hr": True, "hr_resize_x": 96, "hr_resize_y": 128, "denoising_strength": 0.5, "hr_prompt": "a plum, ripe"}
    told = json.loads(draw(steady.client, **body)["info"])["extra_generation_params"]
    assert told == {"Denoising strength": 0.5, "Hires prompt": "a plum, ripe", "Hires resize": "96x128", "Hires upscaler": "Latent"}
