from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.imaging.masks import MaskRule, network_picture, overlay_picture, region
from modules.imaging.overlay import finish, original, repainted, uncrop
from modules.imaging.resize import ResizeMode
from tests.imaging.painting import box_mask, noise, values


@settings(max_examples=40, deadline=None)
@given(st.data(), st.booleans(), st.booleans(), st.sampled_from([0.0, 1.0, 4.0]))
def test_outside_the_mask_no_bit_changes(data: st.DataObject, only_masked: bool, invert: bool, blur: float) -> None:
    width, height = data.draw(st.integers(8, 90)), data.draw(st.integers(8, 90))
    left, top = data.draw(st.integers(0, width - 2)), data.draw(st.integers(0, height - 2))
    mask = box_mask(width, height, (left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))))
    image = noise(width, height)
    size = (width, height) if not only_masked else (64, 48)
    where = region(mask, image.size, *size, MaskRule(invert=invert, blur=(blur, blur), only_masked=only_masked, padding=4))
    if where is None:
        return
    result = noise(*size, seed=1)
    made = finish(result, original(overlay_picture(image, where), where.overlay), where.crop)
    kept = values(where.overlay) == 0
    assert made.size == image.size and made.mode == "RGB"
    assert (values(made)[kept] == values(image)[kept]).all()


def test_inside_the_result_shows() -> None:
    image, result = noise(40, 40), noise(40, 40, seed=1)
    mask = box_mask(40, 40, (10, 10, 30, 30))
    mask.paste(128, (0, 0, 5, 5))
    made = values(finish(result, original(image, mask)))
    assert (made[10:30, 10:30] == values(result)[10:30, 10:30]).all()
    mixed = (values(image) * 127 + values(result) * 128)[:5, :5] / 255
    assert np.abs(made[:5, :5] - mixed).max() <= 2


def test_without_an_overlay_the_result_stands() -> None:
    result = noise(16, 16)
    assert finish(result, None, (3, 3, 9, 9)) is result


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 30), st.integers(0, 30))
def test_crop_and_uncrop_are_inverse_at_equal_size(width: int, height: int, left: int, top: int) -> None:
    box = left, top, left + width, top + height
    image = noise(100, 100)
    made = uncrop(image.crop(box), image.size, box)
    assert (values(made.convert("RGB").crop(box)) == values(image.crop(box))).all()
    assert values(made)[..., 3].sum() == 255 * width * height


def test_a_result_of_another_shape_covers_its_box() -> None:
    made = uncrop(Image.new("RGB", (64, 64), "white"), (100, 100), (10, 20, 70, 50))
    assert (values(made)[20:50, 10:70] == 255).all()
    assert values(made)[..., 3].sum() == 255 * 60 * 30


def test_a_round_trip_through_a_larger_network_size() -> None:
    """Only masked, worked on at twice the size: the part comes back to its place."""
    image = Image.fromarray(np.tile(np.arange(0, 240, 2)[None, :, None], (120, 1, 3)).astype(np.uint8))
    where = region(box_mask(120, 120, (40, 40, 72, 72)), image.size, 64, 64, MaskRule(blur=(0, 0), only_masked=True, padding=0))
    assert where is not None and where.crop == (40, 40, 72, 72)
    seen = network_picture(image, where)
    made = finish(seen, original(overlay_picture(image, where), where.overlay), where.crop)
    assert np.abs(values(made) - values(image)).max() <= 4


@pytest.mark.parametrize("size", [(40, 40), (80, 80)])
def test_only_what_was_repainted(size: tuple[int, int]) -> None:
    image, mask = noise(40, 40), box_mask(*size, (0, 0, size[0] // 2, size[1]))
    made = values(repainted(image, mask))
    assert (made[:, :15, :3] == values(image)[:, :15]).all() and (made[:, :15, 3] == 255).all()
    assert (made[:, 25:] == 0).all()


def test_a_latent_resize_needs_an_original_of_the_right_size() -> None:
    where = region(box_mask(50, 80, (10, 10, 20, 20)), (50, 80), 64, 64, MaskRule(), ResizeMode.LATENT)
    assert where is not None
    assert finish(noise(64, 64), original(overlay_picture(noise(50, 80), where), where.overlay)).size == (64, 64)
