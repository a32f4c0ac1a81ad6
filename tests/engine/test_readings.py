"""engine.readings: words that were read before are not read again, and whatever changes how they are read is another reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.generate import Engine
from modules.engine.readings import Readings
from modules.engine.save import Outputs
from modules.families.family import Cond
from tests.engine.conftest import pixels
from tests.networks import lora_files, tiny

PROMPT = "a (cat:1.3), plainword"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("readings")
    unet, vae, text_encoder = tiny.parts()
    checkpoints = data / "models" / "Stable-diffusion"
    tiny.save_single(checkpoints / "tiny.safetensors", tiny.ldm_tensors(unet, vae, text_encoder))
    tiny.save_single(checkpoints / "other.safetensors", tiny.ldm_tensors(*tiny.parts(seed=5)))
    lora_files.save(data / "models" / "Lora" / "first.safetensors", lora_files.kohya({"unet": unet, "vae": vae, "text_encoder": text_encoder}))
    (data / "models" / "embeddings").mkdir()
    return data


@pytest.fixture(scope="module")
def engine_of_all(data: Path) -> Engine:
    return Engine(Library(Paths(data=data, models=data / "models"), HashCache(None)), Outputs(data / "outputs"), Blobs(data / "inputs"))


@pytest.fixture
def engine(engine_of_all: Engine) -> Engine:
    """Which has read nothing yet."""
    engine_of_all.readings.clear()
    return engine_of_all


def drawn(engine: Engine, **values: Any) -> tuple[bytes, int]:
    """-> (a picture's pixels, how often the text encoder was called for it)."""
    calls: list[object] = []
    tree = {"prompt": PROMPT, "model": "tiny", "width": 64, "height": 64, "steps": 1, "seed": 1, "sampler": "Euler", **values}
    request = from_dict(GenerationRequest, tree)
    with torch.nn.modules.module.register_module_forward_hook(lambda module, *_: calls.append(module) if type(module).__name__ == "CLIPTextModel" else None):
        (picture,) = engine.run(request, lambda event: None, lambda: Cancel.NONE, False).pictures
    return pixels(picture).tobytes(), len(calls)


def test_the_same_words_cost_nothing_in_the_next_job(engine: Engine) -> None:
    first, calls = drawn(engine)
    assert calls == 2, "the prompt and the negative"
    assert drawn(engine) == (first, 0)
    assert drawn(engine, seed=2, cfg_scale=3, steps=2)[1] == 0
    assert drawn(engine, negative_prompt="a dog")[1] == 1, "the prompt is known"
    engine.unload()
    assert drawn(engine) == (first, 2)


CHANGES: dict[str, dict[str, Any]] = {
    "the words": {"prompt": PROMPT.upper()},
    "the checkpoint": {"model": "other"},
    "the precision": {"precision": "bf16"},
    "how weights are kept": {"storage": "fp8"},
    "clip skip": {"text": {"clip_skip": 2}},
    "emphasis": {"text": {"emphasis": "No norm"}},
    "a LoRA": {"prompt": f"{PROMPT} <lora:first:1>"},
    "less of a LoRA": {"prompt": f"{PROMPT} <lora:first:0.3>"},
    "words that change at a step": {"prompt": f"[{PROMPT}:a dog:1]", "steps": 2},
}


@pytest.mark.parametrize("values", CHANGES.values(), ids=CHANGES)
def test_what_changes_a_reading_is_read_anew(engine: Engine, values: dict[str, Any]) -> None:
    for before in ({}, CHANGES["a LoRA"]):
        engine.readings.clear()
        wanted, calls = drawn(engine, **values)
        assert calls > 0
        engine.readings.clear()
        drawn(engine, **before)
        assert drawn(engine, **values)[0] == wanted


def test_a_lora_on_the_denoiser_alone_changes_no_reading(engine: Engine) -> None:
    plain, _ = drawn(engine)
    bent, calls = drawn(engine, prompt=f"{PROMPT} <lora:first:te=0:unet=1>")
    assert calls == 0 and bent != plain


def test_a_name_that_stands_for_another_embedding_is_read_anew(engine: Engine, data: Path) -> None:
    place, seen = data / "models" / "embeddings" / "plainword.safetensors", {drawn(engine)[0]}
    for seed in (1, 2):
        place.unlink(missing_ok=True)
        save_file({"emb_params": torch.randn(seed, tiny.WIDTH, generator=torch.Generator().manual_seed(seed))}, place)
        engine.shelf.refresh()  # type: ignore[attr-defined]
        found, calls = drawn(engine)
        assert calls > 0 and found not in seen
        seen.add(found)
    place.unlink()


class Counting:
    """A family as far as it reads; each text takes 400 bytes."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, model: object, texts: list[str], text: object, embeddings: object, setting: object = None) -> list[Cond]:
        self.read += texts
        return [Cond(torch.zeros(1, 50), {"pooled": torch.zeros(50)}) for _ in texts]


def test_the_oldest_readings_leave_when_there_is_no_room() -> None:
    family = Counting()
    reader = Readings(limit=1000).by(family, "one")  # type: ignore[arg-type]
    for text in ("a", "b", "a", "c", "a", "b"):
        reader.encode(None, [text], None, {})  # type: ignore[arg-type]
    assert family.read == ["a", "b", "c", "b"]
