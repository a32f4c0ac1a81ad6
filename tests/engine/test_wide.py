"""Folders of newer families through their own pipelines: the same picture as the pipeline alone draws, with everything around it that a job has."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import EaselError, NotNumbers, Unsupported
from modules.core.options import Looks
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Progress, Result
from modules.engine.generate import Engine
from modules.engine.healing import MODEL_FULL
from modules.engine.save import Outputs
from modules.families.pipeline import pipeline_class
from modules.networks.lora import weight_of
from tests.engine import faults
from tests.engine.conftest import pixels
from tests.engine.faults import Spoilt
from tests.networks import lora_files, tiny_folders


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("wide")
    for name in tiny_folders.MAKERS:
        tiny_folders.made(name).save_pretrained(data / "models" / "diffusers" / name, safe_serialization=True)
    library = Library(Paths(data=data, models=data / "models"), HashCache(None))
    return Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"), looks=lambda: Looks(preview_interval=0.0001))


def run(engine: Engine, model: str, seen: list[Any] | None = None, cancel: Any = lambda: Cancel.NONE, **values: Any) -> Result:
    tree = {"prompt": "a red pear", "width": 64, "height": 64, "steps": 3, "seed": 5, "cfg_scale": 3.0, "sampler": "Euler", "model": model, **values}
    return engine.run(from_dict(GenerationRequest, tree), (lambda event: None) if seen is None else seen.append, cancel, False)


@pytest.mark.parametrize("name", [name for name in tiny_folders.MAKERS if name != "pixart"])
def test_a_picture_is_what_the_pipeline_alone_draws(engine: Engine, name: str) -> None:
    seen: list[Any] = []
    picture, second = run(engine, name, seen, batch_size=2, negative_prompt="blue").pictures
    pipeline = tiny_folders.made(name)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    pipeline.set_progress_bar_config(disable=True)
    own: dict[str, Any] = {"true_cfg_scale" if name == "qwen" else "guidance_scale": 3.0}
    own |= {"use_resolution_binning": False} if name == "sana" else {}
    alone = pipeline(
        "a red pear",
        negative_prompt="blue",
        width=64,
        height=64,
        num_inference_steps=3,
        generator=torch.Generator().manual_seed(5),
        **own,
    ).images[0]
    assert np.abs(pixels(picture).astype(int) - np.asarray(alone.convert("RGB"))).max() <= 1
    assert np.array_equal(pixels(second), pixels(run(engine, name, seed=6, negative_prompt="blue").pictures[0]))
    assert f"Pipeline: {type(pipeline).__name__}" in picture.infotext and "Seed: 5" in picture.infotext
    steps = [event for event in seen if isinstance(event, Progress) and event.phase == "sampling"]
    assert [event.now.step for event in steps if event.picture == 0][-1] == 3 and any(event.preview for event in steps)


def test_steps_are_counted_and_not_reported(engine: Engine) -> None:
    seen: list[Any] = []
    engine.looks = lambda: Looks(preview_interval=0)
    try:
        run(engine, "lumina", seen)
    finally:
        engine.looks = lambda: Looks(preview_interval=0.0001)
    (step,) = (event for event in seen if isinstance(event, Progress) and event.phase == "sampling")
    assert step.step == 0 and step.now.step == 3


def test_a_pipeline_that_overflows_in_half_precision_draws_in_fp32_and_says_so(engine: Engine) -> None:
    with faults.spoiling(Spoilt("PixArtTransformer2DModel", half=True)) as told:
        result = run(engine, "pixart", precision="bf16", batch_size=2)
        assert told[0] and MODEL_FULL in result.notes
        assert [picture.request.precision for picture in result.pictures] == ["fp32", "fp32"]
        assert [picture.data for picture in run(engine, "pixart", precision="fp32", batch_size=2).pictures] == [picture.data for picture in result.pictures]


def test_a_pipeline_without_numbers_draws_nothing_and_says_whose_fault_it_is(engine: Engine) -> None:
    before = run(engine, "pixart").pictures[0].data
    with faults.spoiling(Spoilt("Decoder")), pytest.raises(NotNumbers, match="diffusers' PixArtSigmaPipeline drew not-a-number"):
        run(engine, "pixart")
    weight = weight_of(engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("pixart")), "fp32").model.parts["transformer"].proj_out)
    kept = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.fill_(float("nan"))
        with pytest.raises(NotNumbers, match="The transformer of pixart holds values that are no numbers"):
            run(engine, "pixart")
    finally:
        with torch.no_grad():
            weight.copy_(kept)
    assert run(engine, "pixart").pictures[0].data == before


def test_samplers_of_ours_step_a_model_of_noise(engine: Engine) -> None:
    drawn = {name: pixels(run(engine, "pixart", sampler=name, steps=4).pictures[0]) for name in ("Euler", "Euler a", "DPM++ 2M")}
    assert not np.array_equal(drawn["Euler"], drawn["Euler a"]) and not np.array_equal(drawn["Euler"], drawn["DPM++ 2M"])
    with pytest.raises(Unsupported, match="FlowMatchEuler") as refused:
        run(engine, "lumina", sampler="DPM++ 2M")
    assert refused.value.field == "sampler"


def test_a_lora_is_worn_for_the_run_and_gone_after_it(engine: Engine) -> None:
    layers = lora_files.layers(tiny_folders.made("pixart").transformer)
    tensors = {f"transformer.{name}.diff": torch.randn(weight_of(layer).shape, generator=torch.Generator().manual_seed(1)) for name, layer in layers.items()}
    lora_files.save(engine.shelf.paths.models / "Lora" / "strong.safetensors", tensors)  # type: ignore[attr-defined]
    engine.shelf.refresh()  # type: ignore[attr-defined]
    before = run(engine, "pixart").pictures[0]
    worn = run(engine, "pixart", prompt="a red pear <lora:strong:1>")
    assert not np.array_equal(pixels(worn.pictures[0]), pixels(before))
    assert f"{len(tensors)} of {len(tensors)} keys applied" in worn.notes[0] and set(worn.request.loras) == {"strong"}
    assert run(engine, "pixart").pictures[0].data == before.data


def test_cancel_ends_after_the_step_in_hand(engine: Engine) -> None:
    seen: list[Any] = []

    def cancel() -> Cancel:
        return Cancel.STOP if any(isinstance(event, Progress) and event.now.step >= 2 for event in seen) else Cancel.NONE

    result = run(engine, "lumina", seen, cancel, steps=50, batch_size=2)
    assert result.cancelled is Cancel.STOP and max(event.now.step for event in seen if isinstance(event, Progress)) <= 3
    assert [picture.complete for picture in result.pictures] in ([], [False])


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"tiling": True}, "tiling"),
        ({"hires": {"enabled": True}}, "hires.enabled"),
        ({"text": {"clip_skip": 2}}, "text.clip_skip"),
        ({"variation": {"strength": 0.5}}, "variation.strength"),
        ({"width": 72, "height": 72}, "model"),
    ],
)
def test_what_no_pipeline_has_a_word_for_is_refused(engine: Engine, wish: dict[str, Any], field: str) -> None:
    with pytest.raises(EaselError) as refused:
        run(engine, "lumina", **wish)
    assert refused.value.field == field and refused.value.remedy


def test_a_start_picture_is_refused_where_the_pipeline_takes_none(engine: Engine) -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(data, "PNG")
    with pytest.raises(Unsupported) as refused:
        run(engine, "auraflow", init={"image": engine.blobs.put(data.getvalue())})
    assert refused.value.field == "init.image"


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"_class_name": "os"}, "does not have"),
        ({"_class_name": "NoSuchPipeline"}, "does not have"),
        ({"_class_name": "LatteForEverPipeline", "transformer": ["latte", "X"]}, "does not have"),
        ({"_class_name": "SanaPipeline", "transformer": ["my_code", "Network"]}, "code of its own"),
        ({"_class_name": "WanPipeline"}, "no pictures"),
    ],
)
def test_only_diffusers_own_classes_are_run(tmp_path: Path, index: dict[str, object], said: str) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    (tmp_path / "transformer").mkdir()
    canary = tmp_path / "canary"
    (tmp_path / "transformer" / "my_code.py").write_text(f"open({str(canary)!r}, 'w')")
    with pytest.raises(Unsupported, match=said):
        pipeline_class(tmp_path)
    assert not canary.exists()


def test_pickled_weights_are_never_read(tmp_path: Path, engine: Engine) -> None:
    source = engine.shelf.checkpoint("lumina").path
    place = tmp_path / "models" / "diffusers" / "pickled"
    tiny_folders.made("lumina").save_pretrained(place, safe_serialization=True)
    (place / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    (place / "transformer" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x02")
    assert source.exists()
    other = Engine(Library(Paths(data=tmp_path, models=tmp_path / "models"), HashCache(None)), Outputs(tmp_path / "out"), Blobs(tmp_path / "in"))
    with pytest.raises(EaselError) as refused:
        run(other, "pickled")
    assert refused.value.remedy
