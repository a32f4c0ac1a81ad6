"""Outpainting with the model that comes with Easel: no seam shows, on any side. EASEL_SEAMS=20 runs the full count."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from modules.app import App
from modules.core.options import Options
from modules.core.params import with_values
from modules.core.paths import Paths

COUNT = int(os.environ.get("EASEL_SEAMS", "2"))
PROMPTS = (
    "a cat face on a blue background", "a house in a meadow", "a balloon on the sea", "a penguin in the snow", "a pizza on a red background",
    "a car on a yellow background", "a rocket under a night sky", "an apple on a green background", "a large panda on a pink background",
    "a small rose on a white background", "a cactus in a desert", "a crab on a beach", "a butterfly on a purple background",
    "a frog in the top left corner, on an orange background", "a car to the left of a rocket on a white background",
    "a cat face on a red to yellow gradient", "a guitar above a mushroom on a gray background", "a soccer ball on a brown background", "a strawberry in a meadow",
    "a dog face on a beach",
)  # fmt: skip
GROWN = 64
NEAR = 16


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = App(Options(paths=Paths(data=tmp_path_factory.mktemp("data"), models=tmp_path_factory.mktemp("models"))))
    app.start()
    yield app
    app.stop()


@pytest.fixture(scope="module")
def starts(app: App) -> list[tuple[str, bytes]]:
    """(prompt, picture) of each."""
    found = []
    for index, prompt in enumerate(PROMPTS[:COUNT]):
        (picture,) = app.submit(with_values(app.default_request(), {"prompt": prompt, "seed": 1000 + index}), save=False).result(300).pictures
        found.append((prompt, picture.data))
    return found


def steps(pixels: np.ndarray, side: str) -> tuple[float, float]:
    """Mean absolute step across the seam, and of the parallel lines within 16 pixels of it. In grey levels, beside the old picture alone."""
    turned = {"left": pixels, "right": pixels[:, ::-1], "up": pixels.transpose(1, 0, 2), "down": pixels[::-1].transpose(1, 0, 2)}[side].astype(float)
    across = np.abs(np.diff(turned, axis=1)).mean((0, 2))
    seam = GROWN - 1
    return float(across[seam]), float(np.delete(across[seam - NEAR : seam + NEAR + 1], NEAR).mean())


@pytest.mark.parametrize("side", ["left", "right", "up", "down"])
def test_no_seam_shows(app: App, starts: list[tuple[str, bytes]], side: str) -> None:
    measured = []
    for index, (prompt, data) in enumerate(starts):
        wish = {"prompt": prompt, "seed": index, "init.image": app.blobs.put(data), f"outpaint.{side}": GROWN}
        (picture,) = app.submit(with_values(app.default_request(), wish), save=False).result(300).pictures
        measured.append(steps(np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB")), side))
    seam, near = np.mean(measured, axis=0)
    print(f"{side}: {seam:.2f} across the seam, {near:.2f} beside it, over {len(measured)} pictures")
    assert seam < max(2.0, 1.5 * near), measured
