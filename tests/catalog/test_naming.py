"""A model is called by its file, or where that name says nothing, by the folder around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modules.catalog import cards, naming
from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.paths import Paths
from tests.catalog import architectures as make
from tests.catalog.files import SD1, table, write
from tests.catalog.test_detect import FOLDER, folder

HUB = "models--Owner--some-model/snapshots/0123456789abcdef"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Lora/ink.safetensors", "ink"),
        ("ControlNet/canny/diffusion_pytorch_model.fp16.safetensors", "canny"),
        ("Lora/style/pytorch_lora_weights.safetensors", "style"),
        ("a-model/text_encoder_2/model.safetensors", "a-model text_encoder_2"),
        ("a-model/transformer/diffusion_pytorch_model-00001-of-00003.safetensors", "a-model transformer"),
        ("big-00001-of-00002.safetensors", "big"),
        (f"{HUB}/unet/diffusion_pytorch_model.safetensors", "some-model unet"),
        (f"{HUB}/sd_xl.safetensors", "sd_xl"),
        ("v1.5-pruned.ckpt", "v1.5-pruned"),
    ],
)
def test_the_name(path: str, name: str) -> None:
    assert naming.name_of(Path("models") / path) == name


def test_a_folder_of_the_hub_s_cache_is_called_by_its_repository(tmp_path: Path) -> None:
    place = tmp_path / "Stable-diffusion" / HUB
    place.mkdir(parents=True)
    folder(place, **FOLDER)
    library = Library(Paths(data=tmp_path / "data", models=tmp_path), HashCache(None))
    assert "some-model" in [card.name for card in library.checkpoints()]
    assert library.checkpoint("some-model").path == place


def test_a_model_in_several_files_is_one(tmp_path: Path) -> None:
    shapes = make.flux_diffusers()
    names = sorted(shapes)
    place = tmp_path / "models" / "unet" / "a-model"
    for number, part in enumerate((names[::2], names[1::2]), 1):
        path = place / f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        rows, size = table({name: shapes[name] for name in part})
        text = json.dumps(rows).encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + size)
    library = Library(Paths(data=tmp_path / "data", models=tmp_path / "models"), HashCache(None))
    (card,) = library.files("transformer")
    assert (card.name, card.architecture, card.tensors) == ("a-model", "flux-dev", len(shapes))
    assert card.size == sum(path.stat().st_size for path in place.iterdir())
    (place / "diffusion_pytorch_model-00002-of-00002.safetensors").unlink()
    assert "00002-of-00002" in cards.addition(card.path).trouble


def test_a_prediction_is_guessed_until_somebody_says_it(tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors", {"a": (1,)})
    assert cards.checkpoint(path).prediction == ""
    write(path, SD1)
    assert (cards.checkpoint(path).prediction, cards.checkpoint(path).guessed) == ("eps", True)
    beside = path.with_name("m.easel.json")
    beside.write_text('{"prediction": "v"}')
    assert (cards.checkpoint(path).prediction, cards.checkpoint(path).guessed) == ("v", False)
    beside.write_text('{"prediction": "w"}')
    assert cards.checkpoint(path).guessed and "prediction" in cards.checkpoint(path).note
