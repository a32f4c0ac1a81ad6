"""Loaded models: kept, let go of, offloaded between pictures; and what happens when memory is short."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from modules.core.errors import BadModelFile, OutOfMemory
from modules.core.options import DeviceOptions, Placement
from modules.engine.generate import Engine
from modules.engine.models import weight
from tests.engine.conftest import Draw, pixels


def test_a_model_is_read_once_and_its_weights_can_be_adapted(engine: Engine) -> None:
    card = engine.shelf.checkpoint("tiny")
    with torch.inference_mode():
        loaded = engine.models.load(card, "bf16")
    assert engine.models.load(card, "bf16") is loaded
    assert not any(tensor.is_inference() for tensor in loaded.model.parts["unet"].parameters())
    assert loaded.model.vae_dtype is torch.float32 and next(loaded.model.parts["vae"].parameters()).dtype is torch.float32
    assert weight(loaded.model) > card.size


@pytest.mark.parametrize("where", ["encoders", "medvram", "group", "lowvram"])
def test_every_placement_draws_the_same_and_can_be_left_again(engine: Engine, draw: Draw, monkeypatch: pytest.MonkeyPatch, where: Placement) -> None:
    before = [picture.data for picture in draw(count=2).pictures]
    placed = engine.models.load(engine.shelf.checkpoint("tiny"), "fp32").placed
    assert placed.where == "resident"
    with monkeypatch.context() as patch:
        patch.setattr(engine.models, "options", DeviceOptions(placement=where))
        assert [picture.data for picture in draw(count=2).pictures] == before and placed.where == where
    assert draw().pictures[0].data == before[0] and placed.where == "resident"


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), MemoryError()])
def test_short_memory_is_said_and_the_next_job_runs(engine: Engine, draw: Draw, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    before = draw().pictures[0].data
    family = engine.models.load(engine.shelf.checkpoint("tiny"), "fp32").family

    def short(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(type(family), "predict", short)
        with pytest.raises(OutOfMemory, match="smaller"):
            draw()
    assert draw().pictures[0].data == before


def test_of_a_batch_only_the_broken_picture_is_left_out(engine: Engine, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    family = engine.models.load(engine.shelf.checkpoint("tiny"), "fp32").family
    decode = type(family).decode

    def first_is_broken(self: object, model: object, latents: torch.Tensor) -> torch.Tensor:
        pixels = decode(self, model, latents)  # type: ignore[arg-type]
        pixels[0] = float("nan")
        return pixels

    with monkeypatch.context() as patch:
        patch.setattr(type(family), "decode", first_is_broken)
        result = draw(batch_size=2, batched=True)
        assert [picture.index for picture in result.pictures] == [1]
        assert any("not-a-number" in note for note in result.notes)
        with pytest.raises(BadModelFile):
            draw()


def test_the_attention_kernel_is_a_recorded_fact(engine: Engine) -> None:
    split = dataclasses.replace(engine, options=DeviceOptions(attention="split"))
    assert (engine.facts()["attention"], split.facts()["attention"]) == ("sdpa", "split")


@pytest.mark.parametrize("where", ["resident", "group", "lowvram"])
def test_weights_kept_in_fp8_take_a_quarter_and_draw_nearly_the_same(engine: Engine, draw: Draw, monkeypatch: pytest.MonkeyPatch, where: Placement) -> None:
    full = engine.models.load(engine.shelf.checkpoint("tiny"), "fp32").model.parts["unet"]
    card = engine.shelf.hashed(engine.shelf.checkpoint("tiny"))
    packed = engine.models.load(card, "fp32", "fp8")
    large = [tensor for tensor in packed.model.parts["unet"].parameters() if tensor.dtype == torch.float8_e4m3fn]
    assert sum(tensor.numel() for tensor in large) > 0.8 * sum(tensor.numel() for tensor in full.parameters())
    with monkeypatch.context() as patch:
        patch.setattr(engine.models, "options", DeviceOptions(placement=where))
        first = draw(storage="fp8").pictures[0]
        again = draw(storage="fp8").pictures[0]
        assert packed.placed.where == where
    assert first.request.storage == "fp8" and "FP8 weight: Enable" in first.infotext
    assert pixels(again).tolist() == pixels(first).tolist() == pixels(draw(storage="fp8").pictures[0]).tolist()
    difference = np.abs(pixels(first).astype(float) - pixels(draw().pictures[0]))
    assert 0 < difference.mean() < 12
    assert sum(tensor.dtype == torch.float8_e4m3fn for tensor in packed.model.parts["unet"].parameters()) == len(large)
