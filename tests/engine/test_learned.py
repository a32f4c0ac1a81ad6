"""Preprocessors that a network of the user's makes: found, recorded by hash, drawn the same again; and said what to put where while there is none."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.core.control import ControlUnit
from modules.core.errors import BadModelFile, EaselError, InvalidRequest, NotFound
from modules.core.result import Cancel, Picture
from modules.engine import control_files
from modules.engine.generate import Engine
from modules.engine.resolve import resolve
from modules.imaging.annotators import at_resolution, finished
from modules.networks import depth
from tests.engine import control_studio as studio
from tests.networks import tiny, tiny_control, tiny_depth, tiny_lines, tiny_segmentation


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("learned")
    studio.checkpoint(data)
    tiny_control.save_ldm(data / "models" / "ControlNet" / "near.safetensors", tiny_control.controlnet(tiny.parts()[0]))
    tiny_depth.save(data / "models" / "annotators" / "a-net", tiny_depth.dpt())
    tiny_depth.save(data / "models" / "annotators" / "b-net", tiny_depth.dpt(9))
    tiny_depth.save(data / "models" / "annotators" / "parts", tiny_segmentation.made("segformer"))
    tiny_lines.save(data / "extensions" / "sd-webui-controlnet" / "annotator" / "downloads" / "hed", "ControlNetHED", pickled=True)
    for name in ("body_pose_model", "sk_model", "sk_model2"):
        tiny_lines.save(data / "models" / "ControlNetPreprocessor", name)
    return data


@pytest.fixture(scope="module")
def engine(data: Path) -> Engine:
    return studio.engine(data)


def unit(engine: Engine, **values: Any) -> ControlUnit:
    return ControlUnit(model="near", image=studio.kept(engine, studio.picture(0, (96, 64))), resolution=64, **{"module": "depth_midas", **values})


def pixels(picture: Picture) -> Any:
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB"))


def drawn(engine: Engine, wish: ControlUnit) -> Picture:
    return engine.run(studio.wish(wish, steps=2), lambda event: None, lambda: Cancel.NONE, save=False).pictures[0]


def test_the_network_is_recorded_and_the_picture_comes_back(engine: Engine, data: Path) -> None:
    made = drawn(engine, unit(engine))
    (told,) = made.request.control
    assert (told.module, told.annotator, len(told.annotator_hash)) == ("depth_midas", "a-net", 64)
    assert "Module: depth_midas" in made.infotext
    seen = depth.load(data / "models" / "annotators" / "a-net", "cpu").map(at_resolution(studio.picture(0, (96, 64)), 64))
    ready = replace(unit(engine), module="none", image=studio.kept(engine, seen))
    assert np.array_equal(pixels(drawn(engine, ready)), pixels(made)), "as with the map that it makes, given ready-made"
    assert not np.array_equal(pixels(drawn(engine, replace(unit(engine), annotator="b-net"))), pixels(made))
    (data / "models" / "annotators" / "a-net").rename(data / "models" / "annotators" / "z-net")
    studio.refreshed(engine)
    again = engine.run(made.request, lambda event: None, lambda: Cancel.NONE, save=False).pictures[0]
    assert np.array_equal(pixels(again), pixels(made)) and again.request.control[0].annotator == "z-net"


@pytest.mark.parametrize(
    ("module", "network"),
    [
        ("softedge_hed", "ControlNetHED"),
        ("softedge_hedsafe", "ControlNetHED"),
        ("scribble_hed", "ControlNetHED"),
        ("lineart_realistic", "sk_model"),
        ("lineart_coarse", "sk_model2"),
        ("openpose", "body_pose_model"),
        ("seg_ufade20k", "parts"),
    ],
)
def test_each_draws_after_its_networks_map_and_comes_back(engine: Engine, module: str, network: str) -> None:
    """HED's file is the pickle as it is published, where A1111's extension keeps it; the others lie in Forge's folder."""
    made = drawn(engine, unit(engine, module=module))
    (told,) = made.request.control
    assert (told.module, told.annotator, len(told.annotator_hash)) == (module, network, 64)
    assert f"Module: {module}" in made.infotext
    seen = engine.annotate(unit(engine, module=module), at_resolution(studio.picture(0, (96, 64)), 64))
    ready = replace(unit(engine), module="none", image=studio.kept(engine, seen))
    assert np.array_equal(pixels(drawn(engine, ready)), pixels(made)), "as with the map that it makes, given ready-made"
    again = engine.run(made.request, lambda event: None, lambda: Cancel.NONE, save=False).pictures[0]
    assert again.data == made.data


def test_one_network_serves_several_preprocessors(engine: Engine) -> None:
    picture = at_resolution(studio.picture(0, (96, 64)), 64)
    soft, steps, strokes = (engine.annotate(unit(engine, module=name), picture) for name in ("softedge_hed", "softedge_hedsafe", "scribble_hed"))
    assert np.array_equal(np.asarray(finished("softedge_hedsafe", soft)), np.asarray(steps)) and set(np.unique(np.asarray(steps))) <= {0, 127, 255}
    assert set(np.unique(np.asarray(strokes))) <= {0, 255} and not np.array_equal(np.asarray(soft), np.asarray(steps))


def test_another_preprocessor_names_no_network(engine: Engine) -> None:
    request, _ = resolve(studio.wish(unit(engine, module="canny", annotator="b-net")), engine.shelf, engine.machine.precision)
    assert (request.control[0].annotator, request.control[0].annotator_hash) == ("", "")


@pytest.mark.parametrize(
    ("values", "kind", "word"),
    [
        ({"module": "depth_anything"}, NotFound, "models/annotators"),
        ({"annotator": "nobody"}, NotFound, "nobody"),
        ({"annotator_hash": "0" * 64}, NotFound, "0000000000"),
        ({"module": "depth_anything", "annotator": "b-net"}, InvalidRequest, "depth_midas"),
        ({"module": "softedge_pidinet"}, NotFound, "table5_pidinet.pth"),
        ({"module": "seg_ofade20k"}, NotFound, "shi-labs/oneformer_ade20k_swin_tiny"),
        ({"module": "openpose_full"}, InvalidRequest, "Easel does not bring"),
        ({"module": "lineart_coarse", "annotator": "sk_model"}, InvalidRequest, "lineart_realistic"),
    ],
)
def test_what_is_not_here_is_said_before_anything_is_loaded(engine: Engine, values: dict[str, str], kind: type[EaselError], word: str) -> None:
    with pytest.raises(kind) as refused:
        control_files.check(studio.wish(unit(engine, **values)), engine.shelf)
    assert word in str(refused.value) and refused.value.field == "control"


def test_a_damaged_network_is_refused_by_name(engine: Engine, data: Path) -> None:
    place = tiny_depth.save(data / "models" / "annotators" / "0-damaged", tiny_depth.dpt(11), hidden_size=32)
    studio.refreshed(engine)
    with pytest.raises(BadModelFile, match="0-damaged cannot be loaded"):
        drawn(engine, replace(unit(engine), annotator="0-damaged"))
    (place / "model.safetensors").write_bytes(b"\x00")
    studio.refreshed(engine)
    request, _ = resolve(studio.wish(unit(engine)), engine.shelf, engine.machine.precision)
    assert request.control[0].annotator == "b-net", "one that cannot be used is passed over"
