"""Pictures of scenes: the same each time, the colour that is said at the rim, the thing in its box, styles as they are called; and the same drawn by other processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modules.training.starter.drawing import BLOCKS, Drawing, box_of
from modules.training.starter.package import Package, read
from modules.training.starter.scenes import COLOURS, LANDSCAPES, Ground, Scene, Thing, scene
from modules.training.starter.studio import Studio
from tests.training.starter.shapes import NAMES, folder


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("data") / "cut")


@pytest.fixture(scope="module")
def package(path: Path) -> Package:
    return read(path)


@pytest.mark.parametrize("colour", COLOURS)
def test_the_ground_has_its_colour_and_the_thing_is_in_its_box(package: Package, colour: str) -> None:
    made = Scene((Thing("tip", 0.3, 0.7, 0.4),), Ground("plain", (colour,)), 5)
    picture = Drawing(package.cutouts, 64).draw(made).astype(float)
    rim = np.median(picture[:6].reshape(-1, 3), axis=0)
    assert min(COLOURS, key=lambda name: float(np.linalg.norm(np.array(COLOURS[name]) - rim))) == colour
    left, top, right, bottom = box_of(made, 64)
    off = np.linalg.norm(picture - rim, axis=2) > 25
    assert off[top:bottom, left:right].mean() > 0.3
    off[top:bottom, left:right] = False
    assert not off.any()


def test_landscapes_have_a_sky_and_another_ground(package: Package) -> None:
    for kind in LANDSCAPES:
        picture = Drawing(package.cutouts, 64).draw(Scene((), Ground(kind), 3)).astype(float)
        above, below = np.median(picture[:12].reshape(-1, 3), axis=0), np.median(picture[-8:].reshape(-1, 3), axis=0)
        assert np.linalg.norm(above - below) > 15


def test_styles(package: Package) -> None:
    made = Scene((Thing("ball", 0.5, 0.5, 0.6),), Ground("plain", ("white",)), 3)
    drawing = Drawing(package.cutouts, 128)
    gray = drawing.draw(replace(made, style="black and white"))
    assert (np.ptp(gray, axis=2) == 0).all() and np.ptp(gray) > 60
    blocks = drawing.draw(replace(made, style="pixel art"))
    size = 128 // BLOCKS
    assert (blocks.reshape(BLOCKS, size, BLOCKS, size, 3) == blocks[::size, ::size].reshape(BLOCKS, 1, BLOCKS, 1, 3)).all()
    sketch = drawing.draw(replace(made, style="pencil sketch")).astype(float)
    assert sketch[60:68, 60:68].mean() > 150 > sketch[:, 20:40].min()  # flat parts are paper, edges are lines


def test_other_processes_draw_the_same(path: Path, package: Package) -> None:
    with Studio(path, package, 32, 4, processes=1, chunk=6, kept=2) as several:
        theirs = [several.pictures_of(chunk, 4).copy() for chunk in range(4)]
    alone = Studio(path, package, 32, 4, chunk=6)
    assert all((theirs[chunk] == alone.pictures_of(chunk)).all() for chunk in range(4))
    assert (alone.pictures([5, 6]) == np.stack([theirs[0][5], theirs[1][0]])).all()
    assert alone.scene(7) == alone.scene(7) and alone.scene(7) != Studio(path, package, 32, 5, chunk=6).scene(7)


def test_every_scene_can_be_drawn(package: Package) -> None:
    drawing = Drawing(package.cutouts, 32)
    for seed in range(300):
        picture = drawing.draw(scene(NAMES, seed))
        assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
