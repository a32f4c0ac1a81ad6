"""ControlNet as A1111's extension speaks it: units of a body become the request's, and what there is under /controlnet."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.api.replies import UnknownScript
from modules.core.control import ControlUnit
from modules.core.errors import EaselError, InvalidRequest
from tests.api.conftest import Server
from tests.api.painting import encoded
from tests.api.test_sdapi import SMALL
from tests.api.test_sdapi_img2img import reference
from tests.api.test_sdapi_request import PEAR, changed, keep, wished
from tests.networks import tiny, tiny_control, tiny_lines

SQUARE = Image.fromarray(np.pad(np.full((32, 32, 3), 255, np.uint8), ((16, 16), (16, 16), (0, 0))))
SENT = encoded(SQUARE)


def units(*given: Any, title: str = "controlnet", **body: Any) -> tuple[ControlUnit, ...]:
    return wished(alwayson_scripts={title: {"args": list(given)}}, **body).request.control


def test_a_whole_unit() -> None:
    (unit,) = units(
        {
            "enabled": True, "module": "canny", "model": "control_v11p_sd15_canny [d14c016b]", "weight": 0.8, "image": "pear", "mask": "mask", "lowvram": False,
            "resize_mode": "Resize and Fill", "processor_res": 640, "threshold_a": 50, "threshold_b": 150, "guidance_start": 0.1, "guidance_end": 0.9,
            "control_mode": "ControlNet is more important", "pixel_perfect": True, "hr_option": "Low res only", "save_detected_map": True,
        },
        title="ControlNet",
    )  # fmt: skip
    assert unit == ControlUnit(
        module="canny", model="control_v11p_sd15_canny", weight=0.8, image=PEAR, mask=keep("mask", ""), resize_mode="Resize and Fill", resolution=640,
        threshold_a=50, threshold_b=150, start=0.1, end=0.9, mode="ControlNet is more important", pixel_perfect=True, hires="Low res only",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"control_mode": 1, "resize_mode": 0}, {"mode": "My prompt is more important", "resize_mode": "Just Resize"}),
        ({"resize_mode": "Scale to Fit (Inner Fit)"}, {"resize_mode": "Crop and Resize"}),
        ({"resize_mode": "envelope (outer fit)"}, {"resize_mode": "Resize and Fill"}),
        ({"processor_res": -1, "weight": None}, {}),
        ({"guidance": 0.5}, {"end": 0.5}),
        ({"union_control_type": "Normal Map"}, {"union": "Normal Map"}),
        ({"model": "net [0123456789]"}, {"model_hash": "0123456789"}),
        ({"image": None, "input_image": "pear"}, {}),
        ({"image": {"image": "pear", "mask": "mask"}}, {"mask": keep("mask", "")}),
        ({"image": ["pear"]}, {}),
    ],
)
def test_older_and_other_spellings(sent: dict[str, Any], expected: dict[str, Any]) -> None:
    (unit,) = units({"model": "net", "image": "pear", **sent})
    assert unit == ControlUnit(**{"model": "net", "image": PEAR, **expected})


def test_units_that_are_off_are_left_out_and_one_alone_needs_no_list() -> None:
    assert [unit.model for unit in units({"enabled": False, "model": "a"}, None, {"model": "b", "image": "pear"})] == ["b"]
    assert wished(alwayson_scripts={"controlnet": {"args": {"model": "b", "image": "pear"}}}).request.control[0].model == "b"


def test_in_img2img_a_unit_without_a_picture_takes_the_start_picture() -> None:
    request = changed(alwayson_scripts={"controlnet": {"args": [{"model": "net", "module": "canny"}]}}).request
    assert (request.control, request.init.image) == ((ControlUnit(model="net", module="canny"),), PEAR)


@pytest.mark.parametrize(
    "args",
    [
        [{"image": "pear"}],
        [{"model": "net"}],
        [{"model": "net", "image": 5}],
        [{"model": "net", "image": "pear", "weight": 9}],
        [{"model": "net", "image": "pear", "control_mode": "Loud"}],
        [{"model": "net", "image": "pear", "control_mode": 9}],
        [{"model": "net", "image": "pear"}] * 9,
        ["canny", "net"],
    ],
)
def test_what_cannot_be_used_is_refused(args: list[Any]) -> None:
    with pytest.raises(EaselError) as refused:
        units(*args)
    assert refused.value.field == "alwayson_scripts" and refused.value.remedy and not isinstance(refused.value, UnknownScript)
    assert isinstance(refused.value, InvalidRequest)


def fill(server: Server) -> None:
    place = server.app.paths.models / "ControlNet"
    tiny_control.save_ldm(place / "control_canny.safetensors", tiny_control.controlnet(tiny.parts()[0]))
    tiny_control.save_authors(place / "t2iadapter_sketch.safetensors", tiny_control.t2i_adapter())
    server.app.library.refresh()


def test_lists(server: Server) -> None:
    fill(server)
    get = lambda path: server.client.get(f"/controlnet/{path}").json()  # noqa: E731
    assert get("version") == {"version": 3} and get("settings") == {"control_net_unit_count": 8}
    names = get("model_list")["model_list"]
    assert [name.partition(" ")[0] for name in names] == ["control_canny", "t2iadapter_sketch"]
    listed = get("module_list?alias_names=false")
    assert listed["module_list"][0] == "none" and "canny" in listed["module_list"]
    assert [slider["name"] for slider in listed["module_detail"]["canny"]["sliders"]] == ["Resolution", "Low threshold", "High threshold"]
    types = get("control_types")["control_types"]
    assert types["All"]["model_list"] == ["None", *names]
    assert types["Canny"]["default_option"] == "canny" and types["Canny"]["default_model"].startswith("control_canny")
    assert types["Depth"] == {
        "module_list": ["none", "depth_midas", "depth_anything"],
        "model_list": ["None"],
        "default_option": "none",
        "default_model": "None",
    }


def detect(server: Server, **body: Any) -> Any:
    return server.client.post("/controlnet/detect", json={"controlnet_module": "canny", "controlnet_input_images": [SENT], **body})


def test_detect(server: Server) -> None:
    reply = detect(server, controlnet_processor_res=64, controlnet_threshold_a=100, controlnet_threshold_b=200)
    assert reply.status_code == 200 and reply.json()["info"] == "Success"
    edges = np.asarray(Image.open(io.BytesIO(base64.b64decode(reply.json()["images"][0]))))
    assert edges.shape == (64, 64, 3) and edges[8, 8].max() == 0 and edges[14:18, 32].max() == 255
    wrongs: list[dict[str, Any]] = [{"controlnet_input_images": []}, {"controlnet_input_images": ["x"]}, {"controlnet_module": "caney"}]
    for wrong in wrongs:
        refused = detect(server, **wrong)
        assert refused.status_code == 400 and refused.json()["detail"], wrong
    assert detect(server, controlnet_input_images=[SENT] * 99).status_code == 422


def test_detect_with_a_network_of_the_users(server: Server) -> None:
    lacking = detect(server, controlnet_module="hed")
    assert lacking.status_code == 404 and "ControlNetHED.pth" in lacking.text
    tiny_lines.save(server.app.paths.models / "annotators", "ControlNetHED")
    server.app.library.refresh()
    reply = detect(server, controlnet_module="hed", controlnet_processor_res=64)
    assert reply.status_code == 200, reply.text
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(reply.json()["images"][0])))).shape == (64, 64, 3)
    listed = server.client.get("/controlnet/module_list").json()
    assert {"softedge_hed", "softedge_pidinet", "openpose", "seg_ofade20k", "lineart_realistic"} <= set(listed["module_list"])
    types = server.client.get("/controlnet/control_types").json()["control_types"]
    assert types["SoftEdge"]["default_option"] == "softedge_hed" and types["OpenPose"]["default_option"] == "none"


def test_a_unit_reaches_the_queue_and_its_text_the_answer(server: Server) -> None:
    fill(server)
    unit = {"model": "control_canny", "module": "canny", "image": SENT}
    reply = server.client.post("/sdapi/v1/txt2img", json={**SMALL, "alwayson_scripts": {"ControlNet": {"args": [unit]}}})
    assert reply.status_code == 200, reply.text
    (seen,) = server.app.painter.seen[-1].control
    assert (seen.model, seen.module, seen.image) == ("control_canny", "canny", reference(SENT))
    assert "ControlNet 0" in reply.json()["info"]


@pytest.mark.parametrize(
    ("unit", "status", "word"),
    [
        ({"model": "control_caney"}, 404, "control_canny"),
        ({"model": "control_canny", "module": "openpose_full"}, 400, "weights"),
        ({"model": "control_canny", "module": "depth_midas"}, 404, "models/annotators"),
        ({"model": "control_canny", "image": "bm8="}, 400, "alwayson_scripts"),
    ],
)
def test_what_is_not_here_is_named_before_anything_waits(server: Server, unit: dict[str, Any], status: int, word: str) -> None:
    fill(server)
    body = {**SMALL, "alwayson_scripts": {"controlnet": {"args": [{"image": SENT, **unit}]}}}
    reply = server.client.post("/sdapi/v1/txt2img", json=body)
    assert reply.status_code == status and word in reply.text and not server.app.painter.seen
