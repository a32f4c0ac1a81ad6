"""Levels that the user lists instead of a schedule type, through whole runs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from modules.core.errors import InvalidRequest
from modules.core.params import to_dict
from modules.core.records.samplers import SAMPLERS
from modules.core.result import Progress
from modules.engine.generate import Engine
from modules.infotext.read import read_text
from tests.engine.conftest import Draw, pixels

LISTED = {"sigmas": [14.6, 4.0, 1.2, 0.3]}


def steps_done(draw: Draw, **values: object) -> tuple[np.ndarray, int]:
    seen: list[Progress] = []
    result = draw(report=lambda event: seen.append(event) if isinstance(event, Progress) else None, **values)
    return pixels(result.pictures[0]), max(event.step for event in seen)


def test_each_level_is_a_step_whatever_else_is_said(draw: Draw) -> None:
    result = draw(spacing=LISTED, steps=20, sampler="Euler")
    (picture,) = result.pictures
    assert result.request.steps == 4 and "Steps: 4," in picture.infotext
    again = draw(**{**to_dict(picture.request), "schedule": "Karras"}).pictures[0]
    assert again.data == picture.data or np.array_equal(pixels(again), pixels(picture))
    assert not np.array_equal(pixels(draw(steps=4, sampler="Euler").pictures[0]), pixels(picture))


@pytest.mark.parametrize("sampler", [record.name for record in SAMPLERS if not record.timesteps])
def test_every_sampler_that_walks_levels_takes_them(draw: Draw, sampler: str) -> None:
    assert pixels(draw(spacing=LISTED, sampler=sampler).pictures[0]).std() > 0


def test_the_text_is_enough_to_draw_it_again(draw: Draw) -> None:
    (picture,) = draw(spacing=LISTED, sampler="DPM++ 2M").pictures
    request = read_text(picture.infotext).request
    assert request.spacing.sigmas == (14.6, 4.0, 1.2, 0.3)
    assert np.array_equal(pixels(draw(**to_dict(request)).pictures[0]), pixels(picture))


def test_of_a_start_picture_the_last_part_is_walked(draw: Draw, engine: Engine) -> None:
    data = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(data, "PNG")
    init = {"image": engine.blobs.put(data.getvalue()), "strength": 0.5}
    picture, steps = steps_done(draw, spacing=LISTED, init=init, sampler="Euler")
    assert steps == 3  # int(0.5 x 4) + 1, as with a schedule type of four steps
    fixed, steps = steps_done(draw, spacing=LISTED, init={**init, "fix_steps": True}, sampler="Euler")
    assert steps == 3 and np.array_equal(picture, fixed)
    assert not np.array_equal(picture, steps_done(draw, spacing={"sigmas": [14.6, 4.0, 1.0, 0.3]}, init=init, sampler="Euler")[0])


def test_a_second_pass_has_its_schedule_type(draw: Draw) -> None:
    hires = {"enabled": True, "scale": 1.5, "steps": 2, "upscaler": "Latent"}
    (picture,) = draw(spacing=LISTED, hires=hires, sampler="Euler", schedule="Karras").pictures
    assert "Schedule type: Custom" in picture.infotext and "Hires schedule type: Karras" in picture.infotext
    (other,) = draw(spacing=LISTED, hires=hires, sampler="Euler", schedule="Simple").pictures
    assert not np.array_equal(pixels(picture), pixels(other))


@pytest.mark.parametrize("sampler", [record.name for record in SAMPLERS if record.timesteps])
def test_samplers_that_walk_timesteps_refuse_them(draw: Draw, sampler: str) -> None:
    with pytest.raises(InvalidRequest, match="does not act") as caught:
        draw(spacing=LISTED, sampler=sampler)
    assert caught.value.field == "spacing.sigmas" and caught.value.remedy
