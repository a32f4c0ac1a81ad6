from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.imaging.masks import MaskRule, latent_mask, network_picture, overlay_picture, region
from modules.imaging.outpaint import DIRECTIONS, Direction, Growth, extended, extension, growth, poor_mans
from modules.imaging.overlay import finish, original
from tests.imaging.painting import noise, values


@pytest.mark.parametrize(
    ("size", "pixels", "directions", "expected"),
    [
        ((256, 256), 64, ["left", "right"], Growth(64, 64, 0, 0, 384, 256)),
        ((256, 256), 64, ["down"], Growth(0, 0, 0, 64, 256, 320)),
        ((256, 256), 8, ["left"], Growth(64, 0, 0, 0, 320, 256)),
        ((256, 256), 8, ["up", "down"], Growth(0, 0, 32, 32, 256, 320)),
        ((250, 200), 32, ["left", "right", "up"], Growth(35, 35, 56, 0, 320, 256)),
        ((255, 256), 32, ["right", "left"], Growth(32, 33, 0, 0, 320, 256)),
        ((250, 256), 64, ["up"], Growth(0, 0, 64, 0, 256, 320)),
        ((256, 256), 128, [], Growth(0, 0, 0, 0, 256, 256)),
    ],
)
def test_growth(size: tuple[int, int], pixels: int, directions: list[str], expected: Growth) -> None:
    assert growth(size, pixels, directions) == expected


def test_sides_come_in_order() -> None:
    assert growth((256, 256), 64, {"down", "left", "up"}).sides() == [("left", 64), ("up", 64), ("down", 64)]


def test_an_unknown_direction_is_named() -> None:
    with pytest.raises(InvalidRequest, match="'north'"):
        growth((64, 64), 64, ["north"])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_one_side_grows_and_the_rest_is_kept(direction: Direction) -> None:
    image = noise(128, 128)
    across = direction in ("left", "right")
    blur = (4, 0) if across else (0, 4)
    work = extension(image, direction, 64, blur, (128, 128))
    assert work.size == ((192, 128) if across else (128, 192)) == work.canvas.size
    assert work.image.size == work.mask.size == work.latent.size == (128, 128)
    assert work.blur == (4 * blur[0], 4 * blur[1])

    at = (64 if direction == "left" else 0, 64 if direction == "up" else 0)
    margin = 4 + 1  # the mask's margin for its blur, and the rectangle's last pixel
    inner = image.crop((margin * across, margin * (not across), 128 - margin * across, 128 - margin * (not across)))
    place = at[0] + margin * across, at[1] + margin * (not across)
    assert (values(work.canvas.crop((*place, place[0] + inner.width, place[1] + inner.height))) == values(inner)).all()

    where = region(work.mask, work.image.size, *work.image.size, MaskRule(blur=work.blur), latent=work.latent)
    assert where is not None
    result = finish(noise(128, 128, seed=1), original(overlay_picture(network_picture(work.image, where), where), where.overlay))
    made = extended(work, result)
    assert made.size == work.size
    far = {"left": (100, 0, 128, 128), "right": (0, 0, 28, 128), "up": (0, 100, 128, 128), "down": (0, 0, 128, 28)}[direction]
    moved = (far[0] + at[0], far[1] + at[1], far[2] + at[0], far[3] + at[1])
    assert (values(made.crop(moved)) == values(image.crop(far))).all()
    grown = {"left": (0, 0, 60, 128), "right": (132, 0, 192, 128), "up": (0, 0, 128, 60), "down": (0, 132, 128, 192)}[direction]
    assert (values(made.crop(grown)) != values(work.canvas.crop(grown))).any(-1).mean() > 0.9
    assert latent_mask(where, 16, 16).mean() > 0.5


def test_masks_by_hand() -> None:
    """64 pixels to the left of 128, blur 8: black from 72 (mask) and from 80 (latents), to the end."""
    work = extension(noise(128, 64), "left", 64, (8, 0), (512, 512))
    assert work.image.size == (192, 64)
    assert values(work.mask)[0].tolist() == [255] * 72 + [0] * 120
    assert values(work.latent)[0].tolist() == [255] * 80 + [0] * 112
    right = extension(noise(128, 64), "right", 64, (8, 0), (512, 512))
    assert values(right.mask)[0].tolist() == [0] * 121 + [255] * 71
    assert values(right.latent)[0].tolist() == [0] * 113 + [255] * 79


def test_a_canvas_is_filled_up_and_cut_again() -> None:
    work = extension(noise(100, 50), "left", 20, (2, 0), (512, 512))
    assert work.size == (120, 50) and work.canvas.size == (128, 64) and work.image.size == (120, 64)
    assert extended(work, work.image.crop((0, 0, 120, 64))).size == (120, 50)


def test_a_mask_with_no_room_is_all_white() -> None:
    work = extension(noise(64, 64), "right", 64, (60, 0), (512, 512))
    assert values(work.latent).min() == 255


def test_poor_mans_masks_and_jobs() -> None:
    image = noise(128, 128)
    work = poor_mans(image, 64, 4, ["down"], (128, 128))
    assert work.canvas.size == (128, 192) and work.blur == 8 and work.inside == (0, 0, 128, 128)
    assert values(work.mask)[:, 0].tolist() == [0] * 121 + [255] * 71
    assert values(work.latent)[:, 0].tolist() == [0] * 127 + [255] * 65
    assert work.tiles.ys == (0, 64)
    (place, picture, mask, latent), *others = work.jobs()
    assert place == (1, 0) and not others
    assert picture.size == mask.size == latent.size == (128, 128)
    assert (values(picture) == values(work.canvas)[64:]).all()
    made = work.joined({place: Image.new("RGB", (128, 128), "white")})
    assert (values(made)[:64] == values(image)[:64]).all() and (values(made)[128:] == 255).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 150), st.integers(20, 150), st.integers(1, 60), st.integers(0, 40), st.sets(st.sampled_from(DIRECTIONS)))
def test_poor_mans_without_results_is_its_canvas(width: int, height: int, pixels: int, blur: int, directions: set[Direction]) -> None:
    image = noise(width, height)
    work = poor_mans(image, pixels, blur, directions, (64, 64))
    assert (values(work.joined({})) == values(work.canvas)).all()
    left, top, _, _ = work.inside
    assert (values(work.canvas.crop((left, top, left + width, top + height))) == values(image)).all()
    assert np.isin(values(work.mask), [0, 255]).all()
    if not directions:
        assert not list(work.jobs())
