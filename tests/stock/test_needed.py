"""A picture's models resolved against the files that are here, by every hash that tools write."""

from __future__ import annotations

import hashlib
from pathlib import Path

import blake3
import pytest
from safetensors.torch import save_file
from torch import full

from modules.catalog import old_hashes
from modules.infotext.files import Found
from modules.stock.needed import Resolved, needed
from tests.catalog import files
from tests.stock.conftest import House


@pytest.fixture
def lora(house: House) -> Path:
    path = house.models / "Lora" / "moss.safetensors"
    path.parent.mkdir(parents=True)
    save_file({"lora_unet_x.lora_down.weight": full((16, 40_000), 0.5), "lora_unet_x.lora_up.weight": full((4, 16), 1.0)}, path, {"ss_output_name": "moss"})
    files.write(house.models / "Lora" / "mosses.safetensors", {"lora_unet_x.lora_down.weight": (2, 4)})
    files.write(house.models / "Stable-diffusion" / "fox.safetensors", files.SD1)
    return path


def ask(house: House, name: str, digest: str) -> Resolved:
    house.library.refresh()
    text = f'x\nSteps: 1, Seed: 1, Sampler: Euler, Lora hashes: "{name}: {digest}"'
    return needed(Found(parameters=text), house.library)[0]


def test_every_hash_finds_the_file_of_that_name(house: House, lora: Path) -> None:
    data = lora.read_bytes()
    weights = hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()
    hashes = (hashlib.sha256(data).hexdigest()[:10], weights[:12], blake3.blake3(data).hexdigest(), old_hashes.autov1(lora))
    assert all(hashes) and old_hashes.autov3(lora) == weights
    for digest in hashes:
        answer = ask(house, "moss", digest)
        assert answer.state == "here" and answer.card and answer.card.path.name == lora.name, digest


def test_a_renamed_file_is_found_by_a_hash_that_is_known(house: House, lora: Path) -> None:
    weights = house.library.weights_hash(next(card for card in house.library.files("lora") if card.name == "moss"))
    assert ask(house, "another name", weights[:12]).state == "here"
    assert ask(house, "another name", old_hashes.autov1(lora)).state == "here"
    claimed = files.write(house.models / "Lora" / "claims.safetensors", {"lora_unet_x.lora_down.weight": (2, 4)}, {"sshs_model_hash": "9" * 64})
    answer = ask(house, "trained as", "9" * 12)
    assert answer.state == "here" and answer.card and answer.card.path.name == claimed.name


def test_another_file_of_that_name_is_said_and_nothing_replaced(house: House, lora: Path) -> None:
    answer = ask(house, "moss", "0" * 12)
    assert answer.state == "another" and answer.card and answer.card.name == "moss" and "another" in answer.note
    answer = ask(house, "mosss", "0" * 12)
    assert answer.state == "missing" and answer.card is None and {card.name for card in answer.substitutes} == {"moss", "mosses"}
    assert "models/Lora" in answer.note and answer.as_dict()["model"] is None


def test_a_name_alone_and_a_broken_file(house: House, lora: Path) -> None:
    text = "x <lora:moss:1>\nSteps: 1, Seed: 1, Sampler: Euler, Model: fox"
    house.library.refresh()
    checkpoint, found = needed(Found(parameters=text), house.library)
    assert (checkpoint.state, found.state) == ("by name", "by name") and found.card and found.as_dict()["model"]["name"] == "moss"
    lora.write_bytes(lora.read_bytes()[:1000])
    house.library.refresh()
    assert "cut short" in needed(Found(parameters=text), house.library)[1].note


def test_a_picture_without_models_needs_none(house: House) -> None:
    assert needed(Found(), house.library) == []
