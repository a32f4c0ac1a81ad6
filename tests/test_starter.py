"""The promise of the first minute: the model that comes with Easel draws what the prompt says. Judged by colours, on the saved pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.app import App
from modules.core.options import Options
from modules.core.params import with_values
from modules.core.paths import Paths

# sRGB of the card's background colours, as the eye names them; the nearest in Lab wins.
COLORS = {
    "red": (214, 48, 49), "orange": (240, 140, 40), "yellow": (250, 215, 60), "green": (60, 160, 75), "teal": (20, 140, 140), "blue": (45, 100, 215),
    "purple": (110, 55, 165), "pink": (250, 160, 195), "brown": (125, 80, 45), "white": (246, 246, 246), "gray": (128, 128, 128), "black": (15, 15, 15),
}  # fmt: skip
OBJECTS = ("a panda", "a mushroom", "a guitar", "a soccer ball", "a rocket", "a cactus")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = App(Options(paths=Paths(data=tmp_path_factory.mktemp("data"), models=tmp_path_factory.mktemp("models"))))
    app.start()
    yield app
    app.stop()


def draw(app: App, prompt: str, seed: int) -> np.ndarray:
    """-> [H, W, 3] 0..255. The models folder is empty, so this also shows that the starter is found whatever --models-dir says."""
    request = with_values(app.default_request(), {"prompt": prompt, "seed": seed})
    (picture,) = app.submit(request, save=False).result(300).pictures
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB"), dtype=float)


def lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB 0..255 [..., 3] -> CIE L*a*b* (D65)."""
    linear = np.where((scaled := rgb / 255) <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def background(pixels: np.ndarray) -> str:
    """Name of the colour of the picture's rim (its outer eighth)."""
    rim = max(pixels.shape[0] // 8, 1)
    inside = np.zeros(pixels.shape[:2], bool)
    inside[rim:-rim, rim:-rim] = True
    color = lab(np.median(pixels[~inside], axis=0))
    return min(COLORS, key=lambda name: float(np.linalg.norm(lab(np.array(COLORS[name], float)) - color)))


def yellowness(pixels: np.ndarray) -> float:
    """Mean of (green - blue) over the coloured pixels of the middle minus the mean of (red - green): high for a banana, low for a red apple."""
    middle = pixels[24:-24, 24:-24].reshape(-1, 3)
    colored = middle[np.ptp(middle, axis=1) > 60]
    red, green, blue = colored.mean(axis=0)
    return float((green - blue) - (red - green))


def test_backgrounds_have_the_colour_that_the_prompt_says(app: App) -> None:
    prompts = [(f"{OBJECTS[index % len(OBJECTS)]} on {'an' if color[0] == 'o' else 'a'} {color} background", color) for index, color in enumerate(COLORS)]
    seen = [background(draw(app, prompt, 100 + index)) for index, (prompt, _) in enumerate(prompts)]
    wrong = [(prompt, found) for (prompt, color), found in zip(prompts, seen, strict=True) if found != color]
    assert len(wrong) <= 1, wrong


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_weights_decide_between_two_things(app: App, seed: int) -> None:
    banana = yellowness(draw(app, "an apple (banana:1.7) on a white background", seed))
    apple = yellowness(draw(app, "an apple (banana:0.4) on a white background", seed))
    assert banana > 0 > apple


def test_the_example_prompt_draws_with_the_card_s_own_defaults(app: App, tmp_path: Path) -> None:
    request = app.default_request()
    assert (request.width, request.height) == (128, 128)
    assert app.example()
