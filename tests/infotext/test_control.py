"""Control units in a picture's text: as A1111's extension and Forge write them, in its old form too, and in Easel's own record."""

from __future__ import annotations

from typing import Any

import pytest

from modules.core.control import ControlUnit
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.infotext import own
from modules.infotext.control import NO_PICTURE, written
from modules.infotext.read import read_text
from tests.infotext.conftest import REFERENCE

START = "a cat\nSteps: 5, Sampler: Euler, Seed: 1, Size: 64x64, "
MODERN = (
    "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 0.8, Resize Mode: Resize and Fill, Processor Res: 640, Threshold A: 50.0, "
    "Threshold B: 150.0, Guidance Start: 0.1, Guidance End: 0.9, Pixel Perfect: True, Control Mode: ControlNet is more important, Hr Option: Low res only, "
    "Save Detected Map: True"
)
OLD = (
    "preprocessor: canny, model: control_v11p_sd15_canny [d14c016b], weight: 0.8, starting/ending: (0.1, 0.9), resize mode: Resize and Fill, "
    "pixel perfect: True, control mode: ControlNet is more important, preprocessor params: (640, 50, 150)"
)
UNIT = ControlUnit(
    model="control_v11p_sd15_canny",
    module="canny",
    weight=0.8,
    resize_mode="Resize and Fill",
    resolution=640,
    threshold_a=50,
    threshold_b=150,
    start=0.1,
    end=0.9,
    pixel_perfect=True,
    mode="ControlNet is more important",
)


def test_both_forms_are_read_and_the_picture_is_asked_for() -> None:
    for key, text, hires in (("ControlNet 0", MODERN, "Low res only"), ("ControlNet 0", OLD, "Both"), ("ControlNet", OLD, "Both")):
        reading = read_text(f'{START}{key}: "{text}"')
        (unit,) = reading.request.control
        assert to_dict(unit) == to_dict(UNIT) | {"hires": hires}
        (row,) = [row for row in reading.rows if row.key == key]
        assert (row.state, row.value, NO_PICTURE in row.note) == ("approximated", text, True)


def test_several_and_what_is_not_here() -> None:
    learned = "Module: openpose_full, Model: control_v11p_sd15_openpose [cab727d4], Weight: 1.0, Control Mode: Balanced"
    reading = read_text(f'{START}ControlNet 0: "{learned}", ControlNet 1: "{MODERN}", ControlNet 2: "Module: canny, Model: None, Weight: 1"')
    assert [(unit.model, unit.module) for unit in reading.request.control] == [("control_v11p_sd15_openpose", "none"), ("control_v11p_sd15_canny", "canny")]
    rows = {row.key: row for row in reading.rows}
    assert "openpose_full" in rows["ControlNet 0"].note
    assert rows["ControlNet 2"].state == "not restored"


@pytest.mark.parametrize("text", ["x", ",", "Module: canny", ", ".join(["Model: "] * 99), "Model: a, Weight: nan, Guidance End: x, Processor Res: -9"])
def test_any_text_is_read(text: str) -> None:
    reading = read_text(f'{START}ControlNet 0: "{text}", Clip skip: 2')
    assert reading.request.text.clip_skip == 2
    assert all(0 <= unit.weight <= 2 and unit.end == 1 for unit in reading.request.control)


def test_there_and_back() -> None:
    unit = ControlUnit(
        model="a net, (v2)",
        model_hash="ab" * 32,
        image=REFERENCE,
        module="scribble_xdog",
        threshold_a=20,
        injection="Style only",
        weight=1.25,
        union="Soft Edge",
    )
    text = written((unit,))["ControlNet 0"]
    assert "Model: a net, (v2) [ababababab], Weight: 1.25" in text and "sha256" not in text
    (again,) = read_text(f'{START}ControlNet 0: "{text}"').request.control
    assert to_dict(again) == to_dict(unit) | {"image": "", "model_hash": "ab" * 5}


def document(*units: dict[str, Any]) -> dict[str, Any]:
    return {"easel": "1", "request": to_dict(GenerationRequest(seed=1)) | {"control": list(units)}}


def test_the_own_record_is_lossless() -> None:
    unit = ControlUnit(model="net", image=REFERENCE, mask=REFERENCE, encoder="clip", start=0.25)
    reading = own.read(document(to_dict(unit)))
    assert reading.request.control == (unit,)
    assert any("Model: net" in row.value and row.state == "restored" for row in reading.rows)


@pytest.mark.parametrize("other", ["/etc/passwd", "sha256:../../x", 5, ["x"]])
def test_a_tampered_record_names_no_places(other: Any) -> None:
    reading = own.read(document({"model": "../../a/net.safetensors", "encoder": "C:\\clip.pt", "image": other, "mask": REFERENCE}))
    assert reading.request.control == (ControlUnit(model="net.safetensors", encoder="clip.pt", mask=REFERENCE),)
    assert [row.key for row in reading.rows if row.state == "not restored"] == ["control.0.image"]


@pytest.mark.parametrize("units", [5, [5], [{"weight": 99}], [{}] * 99, {"a": 1}])
def test_a_damaged_record_costs_only_the_units(units: Any) -> None:
    reading = own.read({"easel": "1", "request": to_dict(GenerationRequest(seed=1, tiling=True)) | {"control": units}})
    assert reading.request == GenerationRequest(seed=1, tiling=True)
