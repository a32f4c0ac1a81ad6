"""Sweeps over a real engine with a tiny model: every script draws, and what it composed is drawn again bit for bit from its own file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Result
from modules.engine.generate import Engine
from modules.infotext import files
from tests.engine.conftest import pixels

SCRIPTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("Prompt matrix", {"different_seeds": True}, {"prompt": "a cat|red|big"}),
    ("X/Y/Z plot", {"x_type": "Steps", "x_values": "1,2", "y_type": "Prompt S/R", "y_values": "cat,dog", "z_type": "Seed", "z_values": "3,-1"}, {}),
    ("Loopback", {"loops": 2, "final_strength": 0.3}, {"init": True}),
    ("SD upscale", {"overlap": 16, "upscaler": "Lanczos", "scale": 1.5}, {"init": True}),
    ("Outpainting mk2", {"pixels": 32, "blur": 4, "directions": ["left", "down"]}, {"init": True}),
    ("Poor man's outpainting", {"pixels": 16, "directions": ["up"]}, {"init": True}),
]


def conducted(engine: Engine, request: GenerationRequest, save: bool = False) -> Result:
    return engine.run(request, lambda event: None, lambda: Cancel.NONE, save)


def wish(engine: Engine, script: str, args: dict[str, Any], init: bool = False, **values: Any) -> GenerationRequest:
    """init: from a start picture of noise."""
    tree = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "sampler": "Euler", "script": {"name": script, "args": args}, **values}
    if init:
        noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
        tree["init"] = {"image": engine.blobs.put(files.encode(Image.fromarray(noise), "")), "strength": 0.6}
    return from_dict(GenerationRequest, tree)


@pytest.mark.parametrize(("script", "args", "values"), SCRIPTS, ids=lambda one: one if isinstance(one, str) else "")
def test_a_script_draws_and_its_file_draws_the_same_again(engine: Engine, script: str, args: dict[str, Any], values: dict[str, Any]) -> None:
    first = conducted(engine, wish(engine, script, args, **values))
    found = files.read(first.pictures[0].data)
    assert found.document and found.parameters == first.pictures[0].infotext
    again = conducted(engine, from_dict(GenerationRequest, found.document["request"]))
    assert again.request == first.request
    for one, other in zip(first.pictures, again.pictures, strict=True):
        assert np.array_equal(pixels(one), pixels(other)) and pixels(one).std() > 0


def test_a_cell_is_the_picture_that_its_request_makes_alone(engine: Engine) -> None:
    args = {"x_type": "Sampler", "x_values": "Euler a,DPM++ 2M SDE Karras", "include_pictures": True, "draw_legend": False}
    grid, *cells = conducted(engine, wish(engine, "X/Y/Z plot", args, seed=4)).pictures
    for place, cell in enumerate(cells):
        (alone,) = engine.run(cell.request, lambda event: None, lambda: Cancel.NONE, False).pictures
        assert alone.data == cell.data
        assert np.array_equal(pixels(grid)[:, place * 64 : (place + 1) * 64], pixels(cell))


def test_grids_and_pictures_are_saved_in_folders_of_their_own_with_the_keys_of_their_script(engine: Engine) -> None:
    loops = conducted(engine, wish(engine, "Loopback", {"loops": 2}, init=True, seed=3), save=True)
    folders = [picture.path.parent.parent.name for picture in loops.pictures if picture.path]
    assert folders == ["img2img-grids", "img2img-images", "img2img-images"]
    for picture in loops.pictures:
        assert picture.path and picture.path.read_bytes() == picture.data
        assert "Denoising strength: " in picture.infotext and "Final denoising strength: 0.5, Denoising curve: Linear" in picture.infotext
    (grid,) = conducted(engine, wish(engine, "X/Y/Z plot", {"x_type": "Steps", "x_values": "1,2"}), save=True).pictures
    assert grid.path and grid.path.parent.parent.name == "txt2img-grids" and grid.path.name.startswith("xyz_grid-")
