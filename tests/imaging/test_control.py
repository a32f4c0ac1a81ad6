"""A control map brought to the size of a drawing, and to the part of it that is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.core.control import ControlFit
from modules.imaging.control import Frame, fitted, framed, perfect_resolution, values


def halves(width: int = 80, height: int = 40) -> Image.Image:
    """Left black, right white."""
    image = Image.new("L", (width, height))
    image.paste(255, (width // 2, 0, width, height))
    return image


@pytest.mark.parametrize(("mode", "black"), [("Just Resize", 0.5), ("Crop and Resize", 0.5), ("Resize and Fill", 0.75)])
def test_modes(mode: ControlFit, black: float) -> None:
    """Filled with black where the rim's middle colour is asked for by a number; half of the rest is white."""
    found = np.asarray(fitted(halves(), mode, (64, 64), fill=0 if mode == "Resize and Fill" else None))
    assert found.shape == (64, 64)
    assert abs((found < 128).mean() - black) < 0.02


def test_crop_keeps_the_middle_and_fill_takes_the_rim() -> None:
    tall = np.asarray(fitted(halves(40, 80), "Crop and Resize", (64, 64)))
    assert (tall[:, :32] < 128).all() and (tall[:, 32:] > 128).all()
    grey = fitted(Image.new("RGB", (10, 20), (90, 90, 90)), "Resize and Fill", (40, 40))
    assert np.unique(np.asarray(grey)).tolist() == [90]
    beside = np.asarray(fitted(Image.new("L", (10, 20)), "Resize and Fill", (40, 40), fill=255))
    assert (beside[:, :10] == 255).all() and (beside[:, 12:28] == 0).all()


def test_a_frame_shows_its_part_at_its_size() -> None:
    whole = Frame.of((64, 32))
    assert framed(halves(), "Just Resize", whole).size == (64, 32)
    right = np.asarray(framed(halves(), "Just Resize", Frame((80, 40), (40, 0, 80, 40), (64, 64))))
    assert right.shape == (64, 64) and (right == 255).all()


def test_values_and_what_is_hidden() -> None:
    found = values(Image.new("RGB", (4, 2), (255, 0, 51)), 3)
    assert found.shape == (3, 2, 4) and found[:, 0, 0].tolist() == pytest.approx([1, 0, 0.2])
    hidden = Image.new("L", (4, 2))
    hidden.paste(255, (2, 0, 4, 2))
    masked = values(Image.new("RGB", (4, 2), (255, 255, 255)), 3, hidden)
    assert (masked[:, :, :2] == 1).all() and (masked[:, :, 2:] == -1).all()
    assert values(Image.new("RGB", (4, 2)), 1).shape == (1, 2, 4)


def test_pixel_perfect() -> None:
    assert perfect_resolution((1000, 500), (512, 512), "Crop and Resize") == 512
    assert perfect_resolution((1000, 500), (512, 512), "Resize and Fill") == 256
    assert perfect_resolution((9, 9), (16, 16), "Just Resize") == 64
