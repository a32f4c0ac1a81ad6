"""Outpainting: sizes, what must stay to the bit, and the same request is the same picture. That no seam shows: `tests/test_seams.py`."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.core.params import to_dict
from modules.core.result import Cancel, Picture, Progress
from modules.engine.generate import Engine
from modules.imaging import opening
from modules.infotext.files import read as opened_file
from modules.infotext.read import read
from tests.engine.conftest import Draw, pixels
from tests.imaging import painting

SIDES = ("left", "right", "up", "down")


def kept(engine: Engine, image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "PNG")
    return engine.blobs.put(data.getvalue())


@pytest.fixture
def start(engine: Engine) -> str:
    return kept(engine, painting.noise(72, 64))


def original(size: tuple[int, int] = (72, 64)) -> np.ndarray:
    return np.asarray(painting.noise(*size))


@pytest.mark.parametrize(("side", "fill"), [*((side, "shaped noise") for side in SIDES), ("left", "stretched edges"), ("down", "latent noise")])
def test_each_side_grows_and_the_rest_stays(draw: Draw, start: str, side: str, fill: str) -> None:
    (picture,) = draw(steps=2, init={"image": start}, outpaint={side: 24, "fill": fill, "feather": 4}).pictures
    made = pixels(picture)
    left, up = 24 * (side == "left"), 24 * (side == "up")
    assert made.shape[:2] == (64 + 24 * (side in ("up", "down")), 72 + 24 * (side in ("left", "right")))
    there = made[up : up + 64, left : left + 72]
    inner = np.s_[4 * (side == "up") : 64 - 4 * (side == "down"), 4 * (side == "left") : 72 - 4 * (side == "right")]
    assert np.array_equal(there[inner], original()[inner])
    assert not np.array_equal(there, original())
    new = np.ones(made.shape[:2], bool)
    new[up : up + 64, left : left + 72] = False
    assert made[new].std() > 0


@pytest.mark.parametrize("size", [(75, 93), (30, 170)])
def test_all_sides_of_sizes_that_do_not_divide(draw: Draw, engine: Engine, size: tuple[int, int]) -> None:
    result = draw(steps=1, init={"image": kept(engine, painting.noise(*size))}, outpaint={"left": 5, "right": 30, "up": 17, "down": 8, "feather": 0})
    made = pixels(result.pictures[0])
    assert made.shape == (size[1] + 25, size[0] + 35, 3)
    assert np.array_equal(made[17 : 17 + size[1], 5 : 5 + size[0]], original(size))
    assert (result.request.width, result.request.height) == (size[0] + 35, size[1] + 25)


def test_the_start_of_each_fill_reaches_the_picture(draw: Draw, start: str) -> None:
    made = [
        draw(init={"image": start}, outpaint={"left": 24, "strength": strength, "fill": fill}).pictures[0].data
        for fill, strength in (("shaped noise", 0.5), ("shaped noise", 0.9), ("stretched edges", 0.5), ("latent noise", 0.5))
    ]
    assert len(set(made)) == 4
    whole = draw(init={"image": start}, outpaint={"left": 24, "strength": 1.0, "fill": "latent noise"}).pictures[0]
    assert np.array_equal(pixels(whole), pixels(draw(init={"image": start}, outpaint={"left": 24, "strength": 0.5, "fill": "latent noise"}).pictures[0]))


@pytest.mark.parametrize("sampler", ["Euler a", "DDIM", "DPM++ 2M SDE"])
def test_a_saved_picture_is_made_again_from_its_own_record(draw: Draw, start: str, sampler: str) -> None:
    """One of a batch, alone, in windows: the same to the bit."""
    wish = {"sampler": sampler, "init": {"image": start}, "outpaint": {"left": 40, "down": 16}, "count": 2}
    first, second = draw(**wish).pictures
    assert not np.array_equal(pixels(first)[:, :40], pixels(second)[:, :40])
    found = read(opened_file(second.data)).request
    assert found == second.request
    (again,) = draw(**to_dict(found)).pictures
    assert again.data == second.data


def test_pictures_evaluated_at_once_grow_each_for_itself(draw: Draw, start: str) -> None:
    wish = {"init": {"image": start}, "outpaint": {"left": 40}, "sampler": "Euler"}
    together = draw(batch_size=2, batched=True, **wish).pictures
    alone = draw(count=2, **wish).pictures
    for one, other in zip(together, alone, strict=True):
        assert np.abs(pixels(one).astype(int) - pixels(other).astype(int)).max() <= 2


def test_large_pictures_are_drawn_in_windows_of_the_models_size(draw: Draw, engine: Engine) -> None:
    """512 is the native size of the tiny model's family."""
    calls: list[tuple[int, ...]] = []
    card = engine.shelf.default()
    assert card is not None
    unet = engine.models.load(engine.shelf.hashed(card), "fp32").model.parts["unet"]
    handle = unet.register_forward_pre_hook(lambda module, inputs: calls.append(tuple(inputs[0].shape[2:])))
    try:
        (picture,) = draw(steps=1, init={"image": kept(engine, painting.ramp(900, 72))}, outpaint={"up": 16, "left": 8}).pictures
    finally:
        handle.remove()
    assert (picture.width, picture.height) == (908, 88)
    assert len(calls) == 3 and max(max(call) for call in calls) * 8 <= 640


def test_progress_counts_the_steps_of_all_windows_once(draw: Draw, start: str) -> None:
    seen: list[Progress] = []

    def report(event: Progress | Picture) -> None:
        if isinstance(event, Progress) and event.phase == "sampling":
            seen.append(event)

    draw(report=report, steps=4, init={"image": start}, outpaint={"left": 8, "up": 8, "strength": 1.0})
    shares = [event.share for event in seen]
    assert shares == sorted(shares) and seen[-1].steps == 8


def test_a_stop_between_windows_keeps_nothing_half_drawn_on_the_disk(draw: Draw, start: str) -> None:
    asked = iter([Cancel.NONE] * 8)
    result = draw(
        cancel=lambda: next(asked, Cancel.STOP), steps=4, init={"image": start}, outpaint={"left": 8, "right": 8, "up": 8, "strength": 1.0}, save=True
    )
    assert all(not picture.complete and picture.path is None for picture in result.pictures)


def test_scripts_run_over_outpaintings(draw: Draw, start: str) -> None:
    script = {"name": "X/Y/Z plot", "args": {"x_type": "Seed", "x_values": "1,2", "include_pictures": True}}
    result = draw(steps=1, init={"image": start}, outpaint={"right": 8}, script=script)
    assert [(picture.width, picture.height) for picture in result.pictures[1:3]] == [(80, 64), (80, 64)]


@pytest.mark.parametrize(
    ("outpaint", "said"),
    [({"left": 4096, "right": 8192, "down": 8192}, "12368 x 8256"), ({"left": 8192, "right": 8192}, "16464 x 64"), ({"up": 4}, "40 x 44")],
    ids=str,
)
def test_sizes_that_cannot_be_drawn_are_said_before_anything_is(draw: Draw, engine: Engine, outpaint: dict[str, int], said: str) -> None:
    size = (40, 40) if "up" in outpaint else (80, 64)
    with pytest.raises(InvalidRequest, match=said) as caught:
        draw(init={"image": kept(engine, painting.noise(*size))}, outpaint=outpaint)
    assert caught.value.remedy and caught.value.field.startswith("outpaint.")
    assert opening.MOST == 100_000_000


def test_a_mask_beside_it_is_refused(draw: Draw, start: str) -> None:
    with pytest.raises(InvalidRequest, match="mask"):
        draw(init={"image": start}, mask={"image": start}, outpaint={"left": 8})


def test_the_more_continuity_the_later_the_prompt_speaks(draw: Draw, start: str) -> None:
    """At its end the prompt says nothing at all; without it, it speaks from the first step."""

    def made(continuity: float, prompt: str) -> bytes:
        wish = {"left": 24, "strength": 1.0, "continuity": continuity}
        return pixels(draw(prompt=prompt, steps=4, sampler="Euler", init={"image": start}, outpaint=wish).pictures[0]).tobytes()

    assert made(1.0, "a cat") == made(1.0, "a dog")
    assert made(0.0, "a cat") != made(0.5, "a cat") != made(0.5, "a dog")


def test_without_a_start_picture_or_sides_nothing_changes(draw: Draw, start: str) -> None:
    assert draw(outpaint={"left": 8}).pictures[0].width == 64
    assert pixels(draw(init={"image": start}, outpaint={"fill": "stretched edges", "feather": 3}).pictures[0]).shape == (64, 64, 3)
