"""Inpainting models with nine input channels: recognised, and shown the right mask and picture in every mode."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from modules.engine.generate import Engine
from tests.engine.refining import drawn, engine_of_two
from tests.engine.test_outpaint import kept
from tests.imaging import painting
from tests.networks import tiny


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("nine")
    folder: Path = data / "models" / "Stable-diffusion"
    tiny.save_single(folder / "nine.safetensors", tiny.ldm_tensors(*tiny.parts(channels=9)))
    tiny.save_folder(folder / "nine folder", *tiny.parts(channels=9))
    return engine_of_two(data)


def shown(engine: Engine, model: str = "nine", **values: Any) -> list[Tensor]:
    """What the network was given beside the latents at each call."""
    calls: list[Tensor] = []
    card = engine.shelf.hashed(engine.shelf.checkpoint(model))
    unet = engine.models.load(card, "fp32").model.parts["unet"]
    handle = unet.register_forward_pre_hook(lambda module, inputs: calls.append(inputs[0].clone()))
    try:
        drawn(engine, model=model, **{"steps": 2, **values})
    finally:
        handle.remove()
    return calls


def grey(engine: Engine, side: int) -> Tensor:
    loaded = engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("nine")), "fp32")
    return loaded.family.encode_image(loaded.model, torch.zeros(1, 3, side, side))


@pytest.mark.parametrize("model", ["nine", "nine folder"])
def test_without_a_picture_all_is_masked_and_grey(engine: Engine, model: str) -> None:
    calls = shown(engine, model)
    assert all(call.shape[1] == 9 and (call[:, 4] == 1).all() for call in calls)
    assert all(torch.allclose(row, grey(engine, 64)[0], atol=1e-6) for row in calls[0][:, 5:])


def test_the_second_pass_is_shown_grey_at_its_own_size(engine: Engine) -> None:
    last = shown(engine, hires__enabled=True, hires__scale=1.5)[-1]
    assert last.shape[1:] == (9, 12, 12) and torch.allclose(last[0, 5:], grey(engine, 96)[0], atol=1e-6)


@pytest.mark.parametrize("weight", [1.0, 0.4, 0.0])
def test_img2img_hides_the_picture_by_its_weight(engine: Engine, weight: float) -> None:
    start = kept(engine, painting.ramp(64, 64))
    (call, *_) = shown(engine, init__image=start, init__mask_weight=weight)
    assert (call[:, 4] == 1).all()
    assert torch.allclose(call[0, 5:], grey(engine, 64)[0], atol=1e-6) == (weight == 1)


def test_inpainting_shows_what_is_not_masked(engine: Engine) -> None:
    image, mask = painting.ramp(64, 64), painting.box_mask(64, 64, (32, 0, 64, 64))
    values: dict[str, Any] = {"init__image": kept(engine, image), "mask__image": kept(engine, mask), "mask__blur_x": 0, "mask__blur_y": 0}
    (call, *_) = shown(engine, **values)
    assert (call[:, 4, :, :4] == 0).all() and (call[:, 4, :, 4:] == 1).all()
    hidden = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 127.5 - 1
    hidden[..., 32:] = 0
    loaded = engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("nine")), "fp32")
    assert torch.allclose(call[0, 5:], loaded.family.encode_image(loaded.model, hidden)[0], atol=1e-5)
    made = np.asarray(Image.open(io.BytesIO(drawn(engine, model="nine", **values).pictures[0].data)))
    assert np.array_equal(made[:, :31], np.asarray(image)[:, :31]) and not np.array_equal(made, np.asarray(image))


def test_outpainting_shows_what_is_there(engine: Engine) -> None:
    (call, *_) = shown(engine, init__image=kept(engine, painting.ramp(64, 64)), outpaint__left=16, outpaint__continuity=0.0)
    assert call.shape[2:] == (8, 10)
    assert (call[:, 4, :, :2] == 1).all() and (call[:, 4, :, 2:] == 0).all()


def test_models_with_four_channels_see_nothing_of_it(engine: Engine) -> None:
    assert all(call.shape[1] == 4 for call in shown(engine, "tiny", init__image=kept(engine, painting.ramp(64, 64)), init__mask_weight=0.5))
