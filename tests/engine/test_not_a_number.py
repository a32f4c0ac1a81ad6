"""Numbers that are none: no black picture is saved in silence. Half precision that overflows is drawn again in full; what is broken is said; a preview stops nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from modules.core.errors import BadModelFile
from modules.engine.features.watch import Watch
from modules.engine.generate import Engine
from modules.engine.healing import MODEL_FULL
from tests.engine import shortage
from tests.engine.shortage import run, wish
from tests.networks import tiny


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data: Path = tmp_path_factory.mktemp("numbers")
    unet, vae, text = tiny.parts()
    with torch.no_grad():  # a network whose activations half precision cannot hold, though it holds its weights
        unet.conv_in.weight.mul_(30000).copy_(unet.conv_in.weight.half().float())
    tiny.save_single(data / "models" / "Stable-diffusion" / "loud.safetensors", tiny.ldm_tensors(unet, vae, text))
    return shortage.engine(data)


@pytest.mark.parametrize("values", [{}, {"batch_size": 2, "batched": True}, {"hires": {"enabled": True, "scale": 1.5, "strength": 0.5, "steps": 1}}])
def test_a_model_that_overflows_in_half_precision_draws_in_fp32_and_says_so(engine: Engine, values: dict[str, Any]) -> None:
    result = run(engine, wish({"model": "loud", "precision": "fp16", **values}))
    assert MODEL_FULL in result.notes and all(picture.request.precision == "fp32" for picture in result.pictures)
    full = run(engine, wish({"model": "loud", "precision": "fp32", **values}))
    assert [picture.data for picture in full.pictures] == [picture.data for picture in result.pictures], "what its record says makes it again"


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_weights_are_an_error_and_no_picture(engine: Engine, part: str, value: float) -> None:
    before = [picture.data for picture in run(engine, wish({"model": "tiny"})).pictures]
    model = engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32").model
    weight = [tensor for tensor in model.parts[part].parameters() if tensor.dim() == 1][-1]
    kept = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.fill_(value)
        with pytest.raises(BadModelFile, match="not-a-number"):
            run(engine, wish({"model": "tiny", "seed": 5, "prompt": f"another {part} {value}"}))
    finally:
        with torch.no_grad():
            weight.copy_(kept)
    assert [picture.data for picture in run(engine, wish({"model": "tiny"})).pictures] == before


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_preview_without_numbers_stops_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    before = [picture.data for picture in run(engine, wish({"model": "tiny"})).pictures]
    shown = Watch._shown
    monkeypatch.setattr(Watch, "_shown", lambda watch, latents: shown(watch, torch.full_like(latents, value)))
    assert [picture.data for picture in run(engine, wish({"model": "tiny"})).pictures] == before
