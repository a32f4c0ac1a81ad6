"""How much of the disk a training takes: what headers say of it is what the networks have, and a full disk is said before anything is written."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.errors import OutputTrouble
from modules.core.paths import Paths
from modules.core.training import Adapter, Layers, Learning, Pictures, TrainingRequest, Watching
from modules.engine.generate import Engine
from modules.training import room
from modules.training.adapters import Adapters
from tests.networks import tiny, tiny_xl
from tests.training.conftest import Train

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    data = tmp_path_factory.mktemp("room")
    place = data / "models" / "Stable-diffusion"
    tiny.save_folder(place / "sd1 folder", *tiny.parts())
    tiny.save_single(place / "sd1 file.safetensors", tiny.ldm_tensors(*tiny.parts()))
    tiny_xl.save_folder(place / "sdxl folder", tiny_xl.base(), "StableDiffusionXLPipeline")
    tiny.save_single(place / "sdxl file.safetensors", tiny_xl.ldm_tensors(tiny_xl.base()))
    return Library(Paths(data=data, models=data / "models"), HashCache(data / "hashes.db"))


def networks(family: str) -> dict[str, Any]:
    if family == "sd1":
        return dict(zip(("unet", "vae", "text_encoder"), tiny.parts(), strict=True))
    return {name: network for name, network in tiny_xl.base().items() if isinstance(network, nn.Module)}


@pytest.mark.parametrize("layers", ["attention", "transformer", "everything"])
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_headers_tell_how_much_a_lora_holds(library: Library, family: str, layers: Layers) -> None:
    for wanted in (Adapter(rank=3, layers=layers), Adapter(rank=512, layers=layers, text_encoder=False)):
        true = sum(weight.numel() for weight in Adapters(networks(family), family, wanted, 1).parameters())
        for kind in ("folder", "file"):
            request = TrainingRequest(name="x", adapter=wanted)
            assert room.numbers(request, library.checkpoint(f"{family} {kind}")) == true, (kind, wanted)


def test_what_is_kept_of_each_number_that_is_trained(library: Library) -> None:
    card, paths = library.checkpoint("sd1 folder"), library.paths
    plain = TrainingRequest(name="x", steps=400, adapter=Adapter(rank=64), watching=Watching(sample_every=0))
    trained = room.numbers(plain, card)

    def checkpoints(request: TrainingRequest) -> float:
        return (room.needed(request, card, paths).run - room.SLACK) / (4 * trained)

    assert checkpoints(plain) == pytest.approx(3 * 3, abs=1e-3), "weights and two moments, in two checkpoints and one that is being written"
    assert checkpoints(replace(plain, learning=Learning(ema=0.9))) == pytest.approx(3 * 4, abs=1e-3)
    assert checkpoints(replace(plain, learning=Learning(optimizer="SGD"))) == pytest.approx(3 * 2, abs=1e-3)
    assert checkpoints(replace(plain, steps=50)) == pytest.approx(3, abs=1e-3), "only its last one"
    assert room.needed(plain, card, paths).result == trained * 2
    whole = room.needed(replace(plain, what="unet"), card, paths)
    unet, vae, text = tiny.parts()
    half = 2 * sum(weight.numel() for part in (vae, text) for weight in part.parameters())
    assert whole.result >= half + 4 * sum(weight.numel() for weight in unet.parameters())
    many = replace(plain, data=Pictures(side=512, variants=4, flip=True))
    assert room.needed(many, card, paths, 1000).run - room.needed(many, card, paths).run == 1000 * 8 * 4 * 4 * 64 * 64, "their latents"


def test_a_real_checkpoint_is_as_large(train: Train, engine: Engine, home: Path) -> None:
    result = train(name="sized", learning__ema=0.9, adapter__rank=64)
    assert isinstance(result.request, TrainingRequest)
    told = room.needed(result.request, engine.shelf.checkpoint("tiny"), Paths(data=home, models=home / "models"))
    files = list((home / "training" / "sized" / "checkpoints").iterdir())
    assert [file.stat().st_size / ((told.run - room.SLACK) / len(files)) for file in files] == pytest.approx([1, 1], abs=0.1)
    assert (home / "models" / "Lora" / "sized.safetensors").stat().st_size == pytest.approx(told.result, rel=0.1)


def test_a_full_disk_is_said_before_anything_is_written(train: Train, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: type("Usage", (), {"free": 64 * MEGABYTE}))
    with pytest.raises(OutputTrouble, match=r"may write \d+ MB, and .* has room for 64 MB.*smaller rank"):
        train(name="full")
    assert not (home / "training" / "full").exists() and not (home / "models" / "Lora" / "full.safetensors").exists()
