from __future__ import annotations

import numpy as np
from PIL import Image

from modules.imaging.fill import fill
from tests.imaging.painting import box_mask, noise, values


def test_what_is_not_hidden_is_exact() -> None:
    image, mask = noise(96, 80), box_mask(96, 80, (30, 20, 70, 60))
    made = fill(image, mask)
    shown = values(mask) == 0
    assert made.size == image.size and made.mode == "RGB"
    assert (values(made)[shown] == values(image)[shown]).all()
    assert (values(made)[~shown] != values(image)[~shown]).any()


def test_hidden_colours_do_not_leak() -> None:
    image = Image.new("RGB", (96, 80), (40, 160, 90))
    image.paste((255, 0, 255), (30, 20, 70, 60))
    made = values(fill(image, box_mask(96, 80, (30, 20, 70, 60))))
    assert np.abs(made - (40, 160, 90)).max() <= 8  # 8-bit premultiplied colours are coarse


def test_nearer_colours_weigh_more() -> None:
    image = Image.new("RGB", (120, 60), (200, 0, 0))
    image.paste((0, 0, 200), (60, 0, 120, 60))
    made = values(fill(image, box_mask(120, 60, (20, 0, 100, 60))))[30]
    assert made[24, 0] > made[24, 2] and made[96, 2] > made[96, 0]
    assert made[24, 0] > made[58, 0] > made[96, 0]


def test_everything_or_nothing_hidden() -> None:
    image = noise(32, 32)
    assert (values(fill(image, Image.new("L", (32, 32)))) == values(image)).all()
    assert fill(image, Image.new("L", (32, 32), 255)).size == (32, 32)


def test_a_mask_of_another_size_is_stretched() -> None:
    image = noise(64, 32)
    made = values(fill(image, box_mask(32, 32, (16, 0, 32, 32))))
    assert (made[:, :24] == values(image)[:, :24]).all() and (made[:, 40:] != values(image)[:, 40:]).any()
