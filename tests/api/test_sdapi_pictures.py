"""png-info and extras over a socket."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image, ImageChops

from tests.api.conftest import Server
from tests.api.painting import encoded
from tests.api.test_sdapi import draw, picture
from tests.networks import small, small_faces

PEAR = Image.new("RGB", (40, 24), (10, 200, 30))


def enlarged(server: Server, **body: Any) -> tuple[Image.Image, str]:
    reply = server.client.post("/sdapi/v1/extra-single-image", json={"image": encoded(PEAR), **body})
    assert reply.status_code == 200, reply.text
    return picture(reply.json()["image"]), reply.json()["html_info"]


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_png_info_reads_what_txt2img_wrote(steady: Server, prefix: str) -> None:
    reply = draw(steady.client, negative_prompt="grey")
    said = steady.client.post("/sdapi/v1/png-info", json={"image": prefix + reply["images"][0]}).json()
    assert said["info"] == json.loads(reply["info"])["infotexts"][0]
    assert said["items"] == {}
    assert {"Prompt": "a pear", "Negative prompt": "grey", "Steps": "2", "Size-1": "64", "Clip skip": "1"}.items() <= said["parameters"].items()


def test_png_info_tells_the_other_texts_of_a_file(steady: Server) -> None:
    reply = steady.client.post("/sdapi/v1/extra-single-image", json={"image": draw(steady.client)["images"][0], "upscaler_1": "Lanczos"}).json()
    said = steady.client.post("/sdapi/v1/png-info", json={"image": reply["image"]}).json()
    assert said["info"].startswith("a pear\nSteps: 2")
    assert said["items"] == {"postprocessing": "Postprocess upscale by: 2, Postprocess upscaler: Lanczos"}


def test_png_info_of_a_picture_that_says_nothing(steady: Server) -> None:
    said = steady.client.post("/sdapi/v1/png-info", json={"image": encoded(PEAR)}).json()
    assert said == {"info": "", "items": {}, "parameters": {}}


@pytest.mark.parametrize("image", ["", "no base64!", "aGVsbG8=", "http://example.com/a.png", "https://example.com/a.png"])
def test_png_info_of_what_is_no_picture(steady: Server, image: str) -> None:
    reply = steady.client.post("/sdapi/v1/png-info", json={"image": image})
    assert reply.status_code == 400
    assert reply.json()["error"] == "BadPicture"


def test_without_an_upscaler_a_picture_stays_as_it_is(steady: Server) -> None:
    image, told = enlarged(steady, upscaling_resize=4)
    assert (image.size, told) == (PEAR.size, "")


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({}, (80, 48)),
        ({"upscaling_resize": 1.5}, (56, 32)),
        ({"upscaling_resize": 1}, (40, 24)),
        ({"resize_mode": 1, "upscaling_resize_w": 64, "upscaling_resize_h": 64}, (64, 64)),
        ({"resize_mode": 1, "upscaling_resize_w": 64, "upscaling_resize_h": 64, "upscaling_crop": False}, (104, 64)),
    ],
)
@pytest.mark.parametrize("name", ["Lanczos", "nearest"])
def test_sizes(steady: Server, name: str, body: dict[str, Any], size: tuple[int, int]) -> None:
    image, told = enlarged(steady, upscaler_1=name, **body)
    assert image.size == size
    assert image.getpixel((5, 5)) == (10, 200, 30)
    assert name.title() in told


def test_a_second_upscaler_is_blended_in(steady: Server) -> None:
    edge = Image.new("L", (16, 16))
    edge.paste(255, (8, 0, 16, 16))
    wish = {"image": encoded(edge), "upscaler_1": "Lanczos", "upscaling_resize": 4}
    nearest = enlarged(steady, **{**wish, "upscaler_1": "Nearest"})[0]
    alone, hidden, half = (enlarged(steady, **wish, upscaler_2="Nearest", extras_upscaler_2_visibility=share)[0] for share in (0, 0.0, 0.5))
    assert alone.tobytes() == hidden.tobytes() != nearest.tobytes()
    middle = [(one + other) / 2 for one, other in zip(alone.tobytes(), nearest.tobytes(), strict=True)]
    assert max(abs(one - other) for one, other in zip(half.tobytes(), middle, strict=True)) <= 1


def test_transparency_stays(steady: Server) -> None:
    image, _ = enlarged(steady, image=encoded(Image.new("RGBA", (8, 8), (1, 2, 3, 128))), upscaler_1="Nearest")
    assert image.getpixel((0, 0)) == (1, 2, 3, 128)


def test_several_pictures_in_their_order(steady: Server) -> None:
    shades = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (10, 20, 30)]
    body = {"upscaler_1": "Nearest", "imageList": [{"data": encoded(image), "name": "x"} for image in shades]}
    reply = steady.client.post("/sdapi/v1/extra-batch-images", json=body).json()
    assert [picture(data).getpixel((0, 0)) for data in reply["images"]] == [(10, 0, 0), (20, 0, 0), (30, 0, 0)]
    assert "Nearest" in reply["html_info"]


def test_photographs_are_taken_upright(steady: Server) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    PEAR.save(file, "JPEG", exif=exif)
    image, _ = enlarged(steady, image=base64.b64encode(file.getvalue()).decode())
    assert image.size == (24, 40)


def test_describing_a_picture_is_said_not_to_be_built(steady: Server) -> None:
    reply = steady.client.post("/sdapi/v1/interrogate", json={"image": encoded(PEAR), "model": "clip"})
    assert (reply.status_code, reply.json()["error"]) == (400, "Unsupported")


def test_faces_are_restored_once_their_files_are_here(server: Server) -> None:
    source, models = small_faces.crowd((20, 30)), server.app.paths.models
    body = {"image": encoded(source), "codeformer_visibility": 1, "codeformer_weight": 0.5}
    reply = server.client.post("/sdapi/v1/extra-single-image", json=body)
    assert reply.status_code == 404 and "Put codeformer.pth into models/Codeformer." in reply.text
    small.save(models / "GFPGAN" / "detection_Resnet50_Final.safetensors", small_faces.detector())
    small.save(models / "Codeformer" / "codeformer.safetensors", small_faces.codeformer())
    server.client.post("/sdapi/v1/refresh-checkpoints")
    listed = server.client.get("/sdapi/v1/face-restorers").json()
    assert listed == [{"name": "CodeFormer", "cmd_dir": str(models / "Codeformer")}]
    reply = server.client.post("/sdapi/v1/extra-single-image", json=body).json()
    left, top, right, bottom = small_faces.square(20, 30)
    changed = ImageChops.difference(picture(reply["image"]), source).getbbox()
    assert changed and changed[0] >= left and changed[1] >= top and changed[2] <= right and changed[3] <= bottom
    assert "CodeFormer weight: 0.5" in reply["html_info"]
