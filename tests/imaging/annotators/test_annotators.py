"""Preprocessors of control pictures: each makes of a known picture what its name says, the same each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from modules.core.errors import InvalidRequest, Unsupported
from modules.core.records.annotators import ANNOTATORS, dial, is_learned
from modules.core.records.control_types import TYPES, models_of, modules_of
from modules.imaging.annotators import AFTERWARDS, FUNCTIONS, annotate, at_resolution, finished


def drawing(paper: int = 255, ink: int = 0) -> Image.Image:
    """A thick square on paper, 128 x 96."""
    image = Image.new("RGB", (128, 96), (paper,) * 3)
    ImageDraw.Draw(image).rectangle((40, 30, 80, 60), outline=(ink,) * 3, width=4)
    return image


def seen(module: str, image: Image.Image, a: float = -1, b: float = -1, resolution: int = 96) -> Any:
    return np.asarray(annotate(module, image, resolution, a, b)).astype(int)


LINE, PAPER = (46, 60), (10, 10)
"""(row, column) of the square's upper line and of empty paper, at 128 x 128 (sides are multiples of 64)."""


@pytest.mark.parametrize("module", ["lineart_standard", "scribble_xdog", "invert"])
def test_a_drawing_on_white_becomes_white_on_black(module: str) -> None:
    found = seen(module, drawing(), resolution=128)
    row = found[:, found.shape[1] // 2].max(axis=1)
    assert row.max() > 120 and found[PAPER].max() < 60
    assert (row > 100).sum() < len(row) / 2


def test_canny_goes_by_its_thresholds() -> None:
    image = drawing(ink=240)
    assert seen("canny", image, 10, 20).max() == 255
    assert seen("canny", image, 250, 255).max() == 0
    assert np.array_equal(seen("canny", image), seen("canny", image, 100, 200))


def test_threshold() -> None:
    image = Image.linear_gradient("L").convert("RGB")
    share = [(seen("threshold", image, value) == 255).mean() for value in (0, 127, 255)]
    assert share[0] > 0.9 > 0.6 > share[1] > 0.4 > share[2] == 0


def test_tile_is_smaller_and_blur_is_softer() -> None:
    image = drawing()
    assert annotate("tile_resample", image, 512, 2, -1).size == (64, 48)
    assert np.array_equal(seen("tile_resample", image), np.asarray(image))
    assert seen("blur_gaussian", image).std() < seen("blur_gaussian", image, 0.5).std()


def test_without_colour() -> None:
    image = Image.new("RGB", (64, 64), (200, 40, 10))
    for module, expected in (("recolor_intensity", 200), ("recolor_luminance", 110)):
        found = seen(module, image, resolution=64)
        assert np.ptp(found) == 0 and abs(int(found[0, 0, 0]) - expected) < 12
        assert seen(module, image, 2.0, resolution=64)[0, 0, 0] < found[0, 0, 0]


def test_a_colour_grid_and_a_stirred_picture_keep_the_colours() -> None:
    image = Image.linear_gradient("L").convert("RGB")
    grid = seen("t2ia_color_grid", image, resolution=256)
    assert len(np.unique(grid)) == 4
    stirred = seen("shuffle", image, resolution=256)
    assert np.array_equal(stirred, seen("shuffle", image, resolution=256)) and not np.array_equal(stirred, np.asarray(image))
    assert stirred.std() > 30


@pytest.mark.parametrize("module", [record.name for record in ANNOTATORS if not record.networks])
def test_each_takes_any_picture(module: str) -> None:
    for size in ((1, 1), (7, 300), (64, 64)):
        for mode in ("L", "RGBA"):
            made = annotate(module, Image.new(mode, size), 64, -1, -1)
            assert made.mode == "RGB" and min(made.size) >= 1


def test_soft_edges_in_steps_and_as_strokes() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    steps = np.asarray(finished("softedge_pidisafe", Image.fromarray(ramp)))[0, :, 0]
    assert [int(steps[value]) for value in (0, 84, 85, 169, 170, 254, 255)] == [0, 0, 127, 127, 255, 255, 255]
    sure = np.asarray(finished("t2ia_sketch_pidi", Image.fromarray(ramp)))[0, :, 0]
    assert sure[127] == 0 and sure[128] == 255
    soft = np.zeros((64, 64, 3), np.uint8)
    soft[:, 24:40] = np.array([40, 80, 120, 160, 200, 230, 250, 255, 255, 250, 230, 200, 160, 120, 80, 40], np.uint8)[None, :, None]
    strokes = np.asarray(finished("scribble_hed", Image.fromarray(soft)))
    assert set(np.unique(strokes)) == {0, 255} and (strokes[20:44, 31] == 255).all() and not strokes[:, :16].any() and not strokes[:, 48:].any()
    assert np.array_equal(np.asarray(finished("softedge_hed", Image.fromarray(soft))), soft)


def test_names_and_numbers() -> None:
    assert set(FUNCTIONS) <= set(ANNOTATORS.names())
    assert set(AFTERWARDS) <= {record.name for record in ANNOTATORS if record.networks}
    assert at_resolution(Image.new("RGB", (300, 200)), 512).size == (768, 512)
    canny, none = ANNOTATORS.get("CANNY"), ANNOTATORS.get("None")
    assert [dial(canny, 0, value) for value in (-1, 50, 999)] == [100, 50, 255] and dial(none, 0, 5) == -1
    with pytest.raises(InvalidRequest, match="caney"):
        annotate("caney", drawing(), 64, -1, -1)
    assert (
        is_learned("openpose_full")
        and is_learned("lineart_anime")
        and not is_learned("depth_midas")
        and not is_learned("lineart_standard")
        and not is_learned("canny")
        and not is_learned("lineart_standard (from white bg & black line)")
    )


def test_a_map_that_a_network_makes_is_not_made_without_it() -> None:
    with pytest.raises(Unsupported, match="made by a network"):
        annotate("depth_midas", drawing(), 64, -1, -1)


def test_kinds() -> None:
    assert (
        modules_of("Canny") == ["none", "canny", "invert (from white bg & black line)"]
        and modules_of("OpenPose") == ["none", "openpose"]
        and modules_of("Depth") == ["none", "depth_midas", "depth_anything"]
    )
    assert models_of("Depth", ["control_v11f1p_sd15_depth", "canny"]) == ["control_v11f1p_sd15_depth"]
    assert {tag for record in ANNOTATORS for tag in record.tags} <= set(TYPES)
