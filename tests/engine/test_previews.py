"""Previews by TAESD where its file is there, by a linear map where it is not; never a part of the picture."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from safetensors.torch import save_file

from modules.catalog.card import Card
from modules.core.options import Looks
from modules.core.result import Picture, Progress
from modules.engine.features.watch import Pace
from modules.engine.generate import Engine
from modules.engine.previews import decoder_for
from modules.families.family import Model
from modules.networks import taesd
from tests.engine.refining import drawn, engine_of_two

SHAPE = (4, 8, 8)


@pytest.fixture(scope="module")
def small() -> AutoencoderTiny:
    torch.manual_seed(3)
    return AutoencoderTiny(latent_channels=4).eval()


def kept(small: AutoencoderTiny, path: Path, raw: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in small.state_dict().items()}
    if raw:  # as A1111 keeps it: the decoder alone, behind a layer without weights
        layers = {name.removeprefix("decoder.layers."): tensor for name, tensor in tensors.items() if name.startswith("decoder.")}
        tensors = {f"{int(name.split('.')[0]) + 1}.{name.split('.', 1)[1]}": tensor for name, tensor in layers.items()}
    save_file(tensors, path)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = engine_of_two(tmp_path)
    engine.looks = lambda: Looks(preview_interval=0.0001)
    return engine


def model_of(engine: Engine) -> Model:
    return engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32").model


def shown(engine: Engine, **values: Any) -> tuple[list[bytes], bytes]:
    """The previews of a run, and its picture."""
    seen: list[bytes] = []

    def report(event: Progress | Picture) -> None:
        if isinstance(event, Progress) and event.preview:
            seen.append(event.preview)

    return seen, drawn(engine, report, **values).pictures[0].data


@pytest.mark.parametrize(("name", "raw"), [("taesd_decoder.safetensors", True), ("taesd/diffusion_pytorch_model.safetensors", False)])
def test_latents_are_shown_as_the_small_decoder_shows_them(engine: Engine, tmp_path: Path, small: AutoencoderTiny, name: str, raw: bool) -> None:
    model = model_of(engine)
    assert engine.previews.of(model) is None
    before, picture = shown(engine)
    kept(small, tmp_path / "models" / "VAE-approx" / name, raw)
    engine.shelf.refresh()  # type: ignore[attr-defined]
    show = engine.previews.of(model)
    assert show is not None
    latents = torch.randn(SHAPE)
    with torch.no_grad():
        wanted = small.decode(latents[None]).sample[0].add(1).div(2).clamp(0, 1).mul(255).permute(1, 2, 0).byte().numpy()
    assert np.abs(np.asarray(taesd.image(show(latents, 320))).astype(int) - wanted).max() <= 1
    assert max(show(torch.randn(4, 200, 100), 128).shape) == 256, "of a large picture the latents are shrunk first"
    after, again = shown(engine)
    assert before and after and before[-1] != after[-1] and Image.open(io.BytesIO(after[-1])).size == (64, 64)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture))), np.asarray(Image.open(io.BytesIO(again)))), "a preview changes no picture"
    own = replace(model.card, preview=((0.1, 0.1, 0.1),) * 5)
    assert engine.previews.of(replace(model, card=own)) is None, "latents of its own need its own map"


def test_a_decoder_that_cannot_be_used_costs_no_picture(engine: Engine, tmp_path: Path, small: AutoencoderTiny) -> None:
    path = tmp_path / "models" / "VAE-approx" / "taesd_decoder.safetensors"
    kept(small, path, True)
    path.write_bytes(path.read_bytes()[:5000])
    engine.shelf.refresh()  # type: ignore[attr-defined]
    previews, picture = shown(engine)
    assert previews and picture


def test_by_the_files_name() -> None:
    names = ("taesd_encoder", "taesdxl_decoder", "taesd_decoder", "taef1_decoder", "vaeapprox-sdxl")
    cards = [Card(path=Path(f"/m/{name}.pth"), name=name, kind="vae-approx") for name in names]
    found = {space: decoder_for(space, cards) for space in ("sd1", "sdxl", "flux", "sd3", "other")}
    assert {space: card and card.name for space, card in found.items()} == {
        "sd1": "taesd_decoder",
        "sdxl": "taesdxl_decoder",
        "flux": "taef1_decoder",
        "sd3": None,
        "other": None,
    }


def test_previews_take_three_hundredths_of_the_time_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr("modules.engine.features.watch.time.monotonic", lambda: clock)
    pace = Pace(1.0)
    assert pace.due() and not pace.due()
    pace.spent(0.6)
    clock = 139.0
    assert not pace.due(), "two of them would be more than that of 39 seconds"
    clock = 141.0
    assert pace.due()
    pace.spent(0.01)
    clock = 141.9
    assert not pace.due(), "and no more often than is wanted"
    clock = 142.1
    assert pace.due()

    pace.spent(0.6, decoded=True)
    begun = Pace(1.0, pace.costs)
    assert not begun.due(decoded=True), "a run that may be over before a slow one has its share"
    clock = 142.5
    assert begun.due(), "the others were fast"
    clock = 162.2
    assert begun.due(decoded=True)
