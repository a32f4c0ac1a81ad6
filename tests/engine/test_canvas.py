"""Runs that start from a picture: img2img, inpaint, hires. What must stay stays to the bit; sizes; the same request is the same picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from modules.core.errors import BadPicture, InvalidRequest, NotFound
from modules.core.params import to_dict
from modules.core.records.samplers import SAMPLERS
from modules.core.records.upscalers import LATENT_UPSCALERS
from modules.core.result import Picture, Progress
from modules.engine.generate import Engine
from tests.engine.conftest import Draw, pixels


def png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def start(engine: Engine) -> str:
    """Reference of a 96 x 64 picture with colour in it."""
    ramp = Image.linear_gradient("L").resize((96, 64))
    return engine.blobs.put(png(Image.merge("RGB", (ramp, ramp.rotate(180), ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))))


@pytest.fixture
def mask(engine: Engine) -> str:
    """Reference of a mask that marks a square in the middle of 96 x 64."""
    image = Image.new("L", (96, 64))
    ImageDraw.Draw(image).rectangle((40, 24, 60, 40), fill=255)
    return engine.blobs.put(png(image))


def picture_of(engine: Engine, reference: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(engine.blobs.get(reference))).convert("RGB"))


def test_strength_says_how_much_is_drawn_anew(draw: Draw, engine: Engine, start: str) -> None:
    near, far = (pixels(draw(width=96, height=64, init={"image": start, "strength": strength}).pictures[0]).astype(int) for strength in (0.1, 1.0))
    blank = pixels(draw(width=96, height=64).pictures[0]).astype(int)
    assert np.abs(far - blank).mean() < np.abs(near - blank).mean()
    assert not np.array_equal(far, blank)


DIFFUSERS = [record.name for record in SAMPLERS if record.diffusers]


@pytest.mark.parametrize("sampler", ["Euler a", "DDIM", "DPM++ 2M SDE", "UniPC", "PLMS", "DPM fast", "LCM", *DIFFUSERS])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_every_kind_of_sampler_starts_from_a_picture(draw: Draw, start: str, sampler: str, strength: float) -> None:
    (picture,) = draw(width=96, height=64, sampler=sampler, steps=6, init={"image": start, "strength": strength}).pictures
    assert pixels(picture).std() > 0


@pytest.mark.parametrize("area", ["Whole picture", "Only masked"])
@pytest.mark.parametrize("content", ["fill", "original", "latent noise", "latent nothing"])
def test_outside_of_the_mask_every_pixel_stays(draw: Draw, engine: Engine, start: str, mask: str, area: str, content: str) -> None:
    values = {"image": mask, "blur_x": 2, "blur_y": 2, "area": area, "content": content, "padding": 8}
    (picture,) = draw(width=96, height=64, init={"image": start}, mask=values).pictures
    before, after = picture_of(engine, start), pixels(picture)
    outside = np.ones((64, 96), bool)
    outside[24 - 7 : 40 + 8, 40 - 7 : 60 + 8] = False
    assert np.array_equal(before[outside], after[outside])
    assert not np.array_equal(before, after)


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", *DIFFUSERS])
def test_an_inverted_mask_keeps_its_inside(draw: Draw, engine: Engine, start: str, mask: str, sampler: str) -> None:
    (picture,) = draw(width=96, height=64, sampler=sampler, init={"image": start}, mask={"image": mask, "invert": True, "blur_x": 0, "blur_y": 0}).pictures
    before, after = picture_of(engine, start), pixels(picture)
    assert np.array_equal(before[26:38, 42:58], after[26:38, 42:58])
    assert not np.array_equal(before[:20], after[:20])


@pytest.mark.parametrize("sampler", DIFFUSERS)
def test_samplers_of_diffusers_draw_second_passes(draw: Draw, sampler: str) -> None:
    """The same request is the same picture, alone and in a batch."""
    values = {"sampler": sampler, "batch_size": 2, "hires": {"enabled": True, "scale": 1.5, "steps": 2}}
    batch = draw(**values).pictures
    assert pixels(batch[1]).shape == (96, 96, 3) and pixels(batch[1]).std() > 0
    assert draw(**to_dict(batch[1].request)).pictures[0].data == batch[1].data


def test_soft_inpainting_differs_and_draws(draw: Draw, start: str, mask: str) -> None:
    soft, hard = (draw(width=96, height=64, init={"image": start}, mask={"image": mask, "soft": {"enabled": on}}).pictures[0] for on in (True, False))
    assert not np.array_equal(pixels(soft), pixels(hard))


@pytest.mark.parametrize("mode", ["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"])
def test_resize_modes_reach_the_wanted_size(draw: Draw, start: str, mode: str) -> None:
    (picture,) = draw(width=64, height=72, init={"image": start, "resize_mode": mode, "strength": 0.4}).pictures
    assert pixels(picture).shape == (72, 64, 3)


@pytest.mark.parametrize(
    "values",
    [{"noise_multiplier": 0.5}, {"extra_noise": 0.2}, {"fix_steps": True}, {"color_correction": True}, {"strength": 0.5}],
    ids=str,
)
def test_what_is_said_of_the_start_reaches_the_pixels(draw: Draw, start: str, values: dict[str, object]) -> None:
    plain, bent = (draw(width=96, height=64, sampler="Euler", init={"image": start, **more}).pictures[0] for more in ({}, values))
    assert not np.array_equal(pixels(plain), pixels(bent))


@pytest.mark.parametrize("upscaler", [*LATENT_UPSCALERS, "None", "Lanczos", "Nearest"])
def test_the_second_pass_is_larger(draw: Draw, upscaler: str) -> None:
    (picture,) = draw(hires={"enabled": True, "scale": 1.5, "upscaler": upscaler}).pictures
    assert (picture.width, picture.height) == (96, 96)


@pytest.mark.parametrize(("width", "height", "size"), [(96, 0, (96, 96)), (0, 128, (128, 128)), (128, 96, (128, 96))])
def test_the_second_pass_reaches_a_wanted_size(draw: Draw, width: int, height: int, size: tuple[int, int]) -> None:
    (picture,) = draw(hires={"enabled": True, "width": width, "height": height}).pictures
    assert (picture.width, picture.height) == size


@pytest.mark.parametrize(
    "values", [{"prompt": "a dog"}, {"negative_prompt": "x"}, {"sampler": "Heun"}, {"schedule": "Karras"}, {"steps": 5}, {"strength": 0.4}], ids=str
)
def test_the_second_pass_has_its_own_values(draw: Draw, values: dict[str, object]) -> None:
    plain, bent = (draw(hires={"enabled": True, "scale": 1.5, **more}).pictures[0] for more in ({}, values))
    assert not np.array_equal(pixels(plain), pixels(bent))


def test_progress_runs_through_both_passes_once(draw: Draw) -> None:
    seen: list[Progress] = []

    def report(event: Progress | Picture) -> None:
        if isinstance(event, Progress) and event.phase == "sampling":
            seen.append(event)

    draw(report=report, steps=4, prompt="a first pass that no other test has drawn", hires={"enabled": True, "steps": 2})
    shares = [event.share for event in seen]
    assert shares == sorted(shares) and seen[-1].steps == 6


@pytest.mark.parametrize(
    "values",
    [
        {"hires": {"enabled": True, "scale": 1.5, "upscaler": "Lanczos"}, "sampler": "DPM++ 2M SDE"},
        {"init": True, "sampler": "DPM++ SDE"},
        {"init": True, "mask": {"content": "latent noise", "area": "Only masked"}, "sampler": "DDIM"},
        {"init": True, "mask": {"soft": {"enabled": True}}},
    ],
    ids=str,
)
def test_a_picture_of_a_batch_is_identical_from_its_own_request(draw: Draw, start: str, mask: str, values: dict[str, object]) -> None:
    tree = {**values, "width": 96, "height": 64}
    if "init" in tree:
        tree["init"] = {"image": start}
    if "mask" in tree:
        tree["mask"] = {"image": mask, **values["mask"]}  # type: ignore[dict-item]
    second = draw(count=2, **tree).pictures[1]
    assert draw(**to_dict(second.request)).pictures[0].data == second.data


@pytest.mark.parametrize("batched", [False, True])
def test_each_picture_of_a_batch_may_have_its_own_start(draw: Draw, engine: Engine, start: str, batched: bool) -> None:
    other = engine.blobs.put(png(Image.new("RGB", (64, 64), "navy")))
    first, second = draw(init={"batch": [start, other]}, batch_size=2, batched=batched).pictures
    assert (first.request.init.image, second.request.init.image, second.request.init.batch) == (start, other, ())
    for picture in (first, second):
        assert draw(**to_dict(picture.request)).pictures[0].data == picture.data


def test_colours_may_come_from_another_picture(draw: Draw, engine: Engine, start: str) -> None:
    navy = engine.blobs.put(png(Image.new("RGB", (16, 16), "navy")))
    plain, own, other = (
        pixels(draw(init={"image": start, **values}).pictures[0]).reshape(-1, 3).mean(0)
        for values in ({}, {"color_correction": True}, {"color_correction": True, "color_from": navy})
    )
    assert not np.allclose(plain, own, atol=1) and not np.allclose(own, other, atol=1)
    assert other.argmax() == 2, "blue"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"init": {"image": "sha256:" + "0" * 64}}, NotFound),
        ({"init": {"image": "/etc/passwd"}}, InvalidRequest),
        ({"hires": {"enabled": True, "scale": 4, "upscaler": "Waifu"}}, InvalidRequest),
        ({"hires": {"enabled": True, "sampler": "Oiler"}}, InvalidRequest),
        ({"width": 16384, "hires": {"enabled": True, "scale": 2}}, InvalidRequest),
    ],
    ids=str,
)
def test_inputs_that_cannot_be_used_are_said(draw: Draw, values: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        draw(**values)
    assert caught.value.remedy and caught.value.field  # type: ignore[attr-defined]


def test_a_start_that_is_no_picture_is_said(draw: Draw, engine: Engine) -> None:
    with pytest.raises(BadPicture):
        draw(init={"image": engine.blobs.put(b"no picture")})
