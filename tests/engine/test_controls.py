"""Control units from a request to a saved picture and back: recorded, made again to the bit, refused by name; in every way of drawing."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.core.control import ControlUnit
from modules.core.errors import EaselError, InvalidRequest, NotFound, Unsupported
from modules.core.groups.editing import Init, Mask, Outpaint
from modules.core.inputs import check, missing
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture
from modules.engine import control_files
from modules.engine.control_maps import hint
from modules.engine.generate import Engine
from modules.imaging.control import Frame
from modules.infotext import files
from modules.infotext.read import read
from tests.engine import control_studio as studio
from tests.networks import tiny, tiny_control


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("controls")
    studio.checkpoint(data)
    place = data / "models" / "ControlNet"
    tiny_control.save_ldm(place / "edges.safetensors", tiny_control.controlnet(tiny.parts()[0]))
    tiny_control.save_authors(place / "sketch.safetensors", tiny_control.t2i_adapter())
    return data


@pytest.fixture(scope="module")
def engine(data: Path) -> Engine:
    return studio.engine(data)


def drawn(engine: Engine, request: GenerationRequest) -> Picture:
    return engine.run(request, lambda event: None, lambda: Cancel.NONE, save=False).pictures[0]


def pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def units(engine: Engine) -> tuple[ControlUnit, ControlUnit]:
    first = ControlUnit(model="edges", image=studio.kept(engine, studio.picture(0, (96, 64))), module="canny", resolution=64, start=0.2, pixel_perfect=True)
    return first, ControlUnit(
        model="sketch", image=studio.kept(engine, studio.picture(1)), module="scribble_xdog", weight=0.6, mode="My prompt is more important"
    )


def test_a_picture_comes_back_to_the_bit_also_when_its_files_were_renamed(engine: Engine, data: Path) -> None:
    made = drawn(engine, studio.wish(*units(engine)))
    assert 'ControlNet 0: "Module: canny, Model: edges [' in made.infotext and "ControlNet 1" in made.infotext
    request = read(files.read(made.data)).request
    assert request == made.request and [len(unit.model_hash) for unit in request.control] == [64, 64]
    assert [unit.threshold_a for unit in request.control] == [100, 32]
    place = data / "models" / "ControlNet" / "edges.safetensors"
    place.rename(place.with_name("called otherwise.safetensors"))
    try:
        again = drawn(studio.engine(data), request)
    finally:
        place.with_name("called otherwise.safetensors").rename(place)
    assert np.array_equal(pixels(again.data), pixels(made.data))
    assert not np.array_equal(pixels(drawn(engine, studio.wish()).data), pixels(made.data))


def test_inputs_that_are_gone_are_named(engine: Engine) -> None:
    request = studio.wish(replace(units(engine)[0], image="sha256:" + "0" * 64))
    assert list(missing(request, engine.blobs)) == ["the picture of control unit 1"]
    with pytest.raises(NotFound, match="the picture of control unit 1"):
        check(request, engine.blobs)
    with pytest.raises(NotFound):
        drawn(engine, request)


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"model": "edgse"}, NotFound, "Control unit 1"),
        ({"model": ""}, InvalidRequest, "names no model"),
        ({"image": ""}, InvalidRequest, "no picture"),
        ({"start": 0.9, "end": 0.1}, InvalidRequest, "begin to act"),
        ({"module": "openpose_full"}, InvalidRequest, "openpose_full"),
        ({"module": "depth_midas"}, NotFound, "models/annotators"),
        ({"module": "caney"}, InvalidRequest, "canny"),
        ({"model_hash": "0" * 64}, NotFound, "Control unit 1"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(engine: Engine, change: dict[str, Any], kind: type[EaselError], word: str) -> None:
    request = studio.wish(replace(units(engine)[0], **change))
    for refuse in (lambda: control_files.check(request, engine.shelf), lambda: drawn(engine, request)):
        with pytest.raises(kind) as refused:
            refuse()
        assert word in str(refused.value) and refused.value.field == "control"


def test_one_of_another_family_is_refused_and_the_next_picture_is_as_before(engine: Engine, data: Path) -> None:
    before = drawn(engine, studio.wish())
    other = data / "models" / "ControlNet" / "other.safetensors"
    tiny_control.save_authors(other, tiny_control.t2i_adapter(channels=(64, 128)))
    studio.refreshed(engine)
    with pytest.raises(Unsupported, match="another kind of model"):
        drawn(engine, studio.wish(replace(units(engine)[1], model="other")))
    other.unlink()
    studio.refreshed(engine)
    assert np.array_equal(pixels(drawn(engine, studio.wish()).data), pixels(before.data))


def test_every_way_of_drawing(engine: Engine) -> None:
    """img2img without a picture of its own, in part, only what is masked, and a picture that grows."""
    start, mask = studio.kept(engine, studio.picture(5, (64, 64))), Image.new("L", (64, 64))
    mask.paste(255, (8, 8, 40, 40))
    hidden = studio.kept(engine, mask)
    ways: list[dict[str, Any]] = [
        {"init": Init(image=start)},
        {"init": Init(image=start), "mask": Mask(image=hidden)},
        {"init": Init(image=start), "mask": Mask(image=hidden, area="Only masked", padding=8)},
        {"init": Init(image=start), "outpaint": Outpaint(right=64)},
    ]
    for values in ways:
        unit = ControlUnit(model="edges", module="inpaint_only")
        found, plain = (pixels(drawn(engine, studio.wish(*given, **values, steps=3)).data) for given in ((unit,), ()))
        assert found.shape == plain.shape and not np.array_equal(found, plain), values


def test_in_a_batch_each_start_picture_guides_its_own(engine: Engine) -> None:
    first, second = (studio.kept(engine, studio.picture(seed)) for seed in (6, 7))
    unit = ControlUnit(model="edges", module="canny", resolution=64)
    batch = studio.wish(unit, init=Init(image=first, batch=(first, second)), batch_size=2)
    made = engine.run(batch, lambda event: None, lambda: Cancel.NONE, save=False).pictures
    alone = drawn(engine, studio.wish(unit, init=Init(image=second), seed=4))
    assert np.array_equal(pixels(made[1].data), pixels(alone.data))


def test_what_an_inpainting_network_sees(engine: Engine) -> None:
    model = engine.models.load(engine.shelf.checkpoint(""), "fp32").model
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    unit = ControlUnit(model="edges", module="inpaint_global_harmonious", image=studio.kept(engine, studio.picture()), mask=studio.kept(engine, mask))

    def seen(wish: ControlUnit, request: GenerationRequest | None = None) -> Any:
        return hint(wish, request or GenerationRequest(), Frame.of((64, 64)), 3, 1, model, engine.blobs)[0].numpy()

    assert (seen(unit)[:, :, :32] == -1).all() and (seen(unit)[:, :, 32:] >= 0).all()
    start = Init(image=studio.kept(engine, studio.picture()))
    inherited = replace(unit, image="", mask="")
    masked = GenerationRequest(init=start, mask=Mask(image=unit.mask, invert=True))
    assert (seen(inherited, masked)[:, :, 32:] == -1).all() and (seen(inherited, GenerationRequest(init=start)) >= 0).all()
    wide = replace(
        unit, image=studio.kept(engine, studio.picture(size=(128, 64))), resize_mode="Resize and Fill", mask=studio.kept(engine, Image.new("L", (128, 64)))
    )
    filled = seen(wide)
    assert (filled[:, :15] == -1).all() and (filled[:, 17:47] >= 0).all()
