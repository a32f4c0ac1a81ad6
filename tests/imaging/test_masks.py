from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.imaging.masks import MaskRule, blurred, crop_box, grey, latent_mask, network_picture, overlay_picture, region
from modules.imaging.resize import ResizeMode
from tests.imaging.painting import box_mask, noise, values

SHARP = MaskRule(blur=(0, 0))


@pytest.mark.parametrize(("rounding", "expected"), [(True, [0, 0, 255, 255]), (False, [0, 128, 129, 255])])
def test_transparent_masks_count_by_their_alpha(rounding: bool, expected: list[int]) -> None:
    alpha = Image.fromarray(np.array([[0, 128, 129, 255]], np.uint8))
    mask = Image.new("RGBA", (4, 1), "white")
    mask.putalpha(alpha)
    assert values(grey(mask, rounding)).tolist() == [expected]


def test_opaque_masks_count_by_their_grey() -> None:
    line = np.array([[0, 90, 200, 255]], np.uint8)
    assert values(grey(Image.fromarray(line))).tolist() == line.tolist()
    assert values(grey(Image.fromarray(line).convert("RGBA"))).tolist() == line.tolist()
    assert values(grey(Image.new("RGB", (1, 1), (255, 0, 0)))).tolist() == [[76]]


def test_blur_reaches_two_and_a_half_sigma() -> None:
    mask = box_mask(101, 101, (50, 50, 51, 51)).point(lambda value: value)
    mask.paste(255, (50, 0, 51, 101))
    across = values(blurred(mask, 4, 0))
    assert across[50].nonzero()[0].tolist() == list(range(40, 61))
    assert (across == across[0]).all()
    assert (values(blurred(mask, 0, 4)) == values(mask)).all()
    assert (values(blurred(mask, 0, 0)) == values(mask)).all()


def test_a_blur_out_of_all_reason_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="too large"):
        blurred(Image.new("L", (8, 8)), 1e9, 0)


@pytest.mark.parametrize(
    ("box", "padding", "shape", "expected"),
    [
        ((40, 40, 60, 60), 0, (512, 512), (40, 40, 60, 60)),
        ((40, 40, 60, 60), 10, (512, 512), (30, 30, 70, 70)),
        ((0, 0, 10, 10), 32, (512, 512), (0, 0, 42, 42)),
        ((90, 90, 100, 100), 32, (512, 512), (58, 58, 100, 100)),
        ((10, 40, 50, 60), 0, (512, 512), (10, 30, 50, 70)),  # wide: grown in height, half at each side
        ((40, 10, 60, 51), 0, (512, 512), (30, 10, 71, 51)),  # the odd pixel goes to the end
        ((40, 0, 60, 40), 0, (1024, 512), (10, 0, 90, 40)),
        ((0, 40, 20, 80), 0, (1024, 512), (0, 40, 80, 80)),  # shifted into the picture
        ((80, 40, 100, 80), 0, (1024, 512), (20, 40, 100, 80)),
        ((0, 0, 100, 20), 0, (512, 2048), (0, 0, 100, 100)),  # more than there is: cut
        ((0, 0, 100, 100), 32, (512, 512), (0, 0, 100, 100)),
    ],
)
def test_crop_box(box: tuple[int, int, int, int], padding: int, shape: tuple[int, int], expected: tuple[int, int, int, int]) -> None:
    assert crop_box(box_mask(100, 100, box), padding, *shape) == expected


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(-5, 60), st.tuples(st.integers(1, 2000), st.integers(1, 2000)))
def test_a_crop_holds_the_mask_and_lies_in_the_picture(data: st.DataObject, padding: int, shape: tuple[int, int]) -> None:
    width, height = data.draw(st.integers(1, 80)), data.draw(st.integers(1, 80))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    crop = crop_box(box_mask(width, height, (left, top, right, bottom)), padding, *shape)
    assert crop is not None
    assert 0 <= crop[0] <= left and 0 <= crop[1] <= top and right <= crop[2] <= width and bottom <= crop[3] <= height


def test_the_whole_picture() -> None:
    image, mask = noise(96, 64), box_mask(96, 64, (30, 20, 60, 50))
    where = region(mask, image.size, 96, 64, MaskRule(blur=(4, 4)))
    assert where is not None and where.crop is None
    assert where.mask.size == where.latent.size == where.overlay.size == (96, 64)
    assert (values(where.overlay) == np.minimum(values(where.mask) * 2, 255)).all()
    assert (values(network_picture(image, where)) == values(image)).all()
    assert (values(overlay_picture(image, where)) == values(image)).all()
    latents = latent_mask(where, 8, 12)
    assert latents.shape == (1, 8, 12) and latents.dtype == torch.float32
    assert set(latents.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("mode", ResizeMode)
def test_the_whole_picture_in_another_size(mode: ResizeMode) -> None:
    image, mask = noise(100, 60), box_mask(100, 60, (30, 20, 60, 50))
    where = region(mask, image.size, 64, 64, SHARP, mode)
    assert where is not None
    assert {where.mask.size, where.overlay.size, overlay_picture(image, where).size} == {(64, 64)}
    assert network_picture(image, where).size == ((100, 60) if mode == ResizeMode.LATENT else (64, 64))


def test_only_the_masked_part() -> None:
    image, mask = noise(200, 160), box_mask(200, 160, (40, 30, 60, 50))
    where = region(mask, image.size, 64, 64, MaskRule(blur=(0, 0), only_masked=True, padding=22))
    assert where is not None and where.crop == (18, 8, 82, 72)
    assert where.overlay.size == image.size and (values(where.overlay) == values(mask)).all()  # not doubled
    assert (values(network_picture(image, where)) == values(image.crop(where.crop))).all()
    assert (values(where.mask) == values(mask.crop(where.crop))).all()
    assert (values(overlay_picture(image, where)) == values(image)).all()


def test_nothing_masked() -> None:
    black, white = Image.new("L", (32, 32)), Image.new("L", (32, 32), 255)
    assert region(black, (32, 32), 64, 64, replace(SHARP, only_masked=True)) is None
    assert region(white, (32, 32), 64, 64, replace(SHARP, only_masked=True, invert=True)) is None
    whole = region(black, (32, 32), 64, 64, SHARP)
    assert whole is not None and latent_mask(whole, 8, 8).max() == 0


def test_inverting_twice_is_nothing() -> None:
    mask = box_mask(64, 64, (10, 10, 30, 40))
    once = region(mask, (64, 64), 64, 64, replace(SHARP, invert=True))
    assert once is not None
    twice = region(once.mask, (64, 64), 64, 64, replace(SHARP, invert=True))
    assert twice is not None and (values(twice.mask) == values(mask)).all()


@pytest.mark.parametrize(("rounding", "expected"), [(True, [0.0, 0.0, 1.0, 1.0]), (False, [0.0, 120 / 255, 136 / 255, 1.0])])
def test_latents_are_repainted_or_kept(rounding: bool, expected: list[float]) -> None:
    line = np.repeat(np.array([[0, 120, 136, 255]], np.uint8), 4, 0)
    where = region(Image.fromarray(line), (4, 4), 4, 4, replace(SHARP, rounding=rounding))
    assert where is not None
    assert latent_mask(where, 4, 4)[0, 0].tolist() == pytest.approx(expected)


def test_a_mask_of_its_own_for_the_latents() -> None:
    narrow, wide = box_mask(64, 64, (24, 24, 40, 40)), box_mask(64, 64, (8, 8, 56, 56))
    where = region(narrow, (64, 64), 64, 64, MaskRule(blur=(8, 8)), latent=wide)
    assert where is not None
    assert latent_mask(where, 8, 8).sum() == 36
    assert values(where.overlay)[0, 0] == 0 and values(where.overlay)[10, 32] > 0
